"""As much of PromQL as the lint has to see: brackets, strings, selectors, and the function around each range."""
import re

_TOKEN = re.compile(r'''\s+|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)'''
                    r'''|(?P<number>[0-9.][0-9a-zA-Z.]*)|(?P<mark>[][(){},+*/%^<>=!~@-]|\$\{?\w+\}?)''')
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}


class Selector:
    def __init__(self, metric, matchers, range_text, function):
        self.metric, self.matchers, self.range, self.function = metric, matchers, range_text, function


def tokens(expr):
    """[(kind, text)]. ValueError where the text cannot be PromQL."""
    made, at = [], 0
    while at < len(expr):
        match = _TOKEN.match(expr, at)
        if not match:
            raise ValueError(f"cannot read it from: {expr[at:at + 20]}")
        if match.lastgroup:
            made.append((match.lastgroup, match[0]))
        at = match.end()
    return made


def _close(made, at):
    """Index after the bracket that closes the one at `at`."""
    waiting = []
    for index in range(at, len(made)):
        text = made[index][1] if made[index][0] == "mark" else ""
        if text in _CLOSING:
            waiting.append(_CLOSING[text])
        elif text in _CLOSING.values():
            if not waiting or waiting.pop() != text:
                raise ValueError(f"unexpected {text}")
            if not waiting:
                return index + 1
    raise ValueError(f"missing {waiting[-1]}")


def check(expr):
    """ValueError when it is empty, its brackets do not match or an operator lacks its right side."""
    made = tokens(expr)
    if not made:
        raise ValueError("empty")
    at = 0
    while at < len(made):
        if made[at][0] == "mark" and made[at][1] in _CLOSING:
            at = _close(made, at)
        elif made[at][0] == "mark" and made[at][1] in _CLOSING.values():
            raise ValueError(f"unexpected {made[at][1]}")
        else:
            at += 1
    if made[-1][0] == "mark" and made[-1][1] not in ")]}" or made[-1][1] in _WORDS:
        raise ValueError(f"ends with {made[-1][1]}")


def selectors(expr):
    """Every selector, also those without braces."""
    made, found, calls = tokens(expr), [], []
    at = 0
    while at < len(made):
        kind, text = made[at]
        after = made[at + 1][1] if at + 1 < len(made) else ""
        if text in ("by", "without", "on", "ignoring", "group_left", "group_right") and after == "(":
            at = _close(made, at + 1)
            continue
        if kind == "name" and after in ("by", "without"):
            at += 1
            continue
        if kind == "name" and after == "(":
            calls.append(text)
            at += 2
            continue
        if text == "(":
            calls.append("")
        elif text == ")":
            calls.pop()
        elif kind == "name" and text not in _WORDS or text == "{":
            metric = text if kind == "name" else ""
            at += 1 if metric else 0
            matchers = []
            if at < len(made) and made[at][1] == "{":
                end = _close(made, at)
                matchers = _matchers(made[at + 1:end - 1])
                at = end
            span = None
            if at < len(made) and made[at][1] == "[":
                end = _close(made, at)
                span = "".join(part for _, part in made[at + 1:end - 1])
                at = end
            elif not metric and not matchers:
                raise ValueError("empty selector")
            if metric and (metric[0].isalpha() or metric[0] in "_:"):
                found.append(Selector(metric, matchers, span, calls[-1] if calls else ""))
            continue
        elif text in ("offset", "bool"):
            at += 1
        at += 1
    return found


def _matchers(inside):
    text = "".join(part for _, part in inside)
    return re.findall(r'([a-zA-Z_]\w*)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"', text)
