"""The committed dashboards and every query in them."""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "deploy/grafana/dashboards"


def dashboards():
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def panels(dashboard):
    """All but rows; those inside of rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def variable_queries(dashboard):
    """(variable, label, selector; None for all series)"""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            text = variable["query"]["query"]
            parts = re.fullmatch(r"label_values\((?:(.+), *)?(\w+)\)", text)
            if not parts:
                raise ValueError(f"variable {variable['name']}: cannot read {text}")
            yield variable["name"], parts[2], parts[1]


def fill_in(expr, values):
    """`$name`, `${name}` and `$__interval` as Grafana fills them in; an unknown name is an error."""
    def value(match):
        name = match[1] or match[2]
        if name not in values:
            raise ValueError(f"unknown variable ${name} in {expr}")
        return values[name]
    return re.sub(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)", value, expr)


_SELECTOR = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{(?:[^{}"]|"(?:[^"\\]|\\.)*")*\})')
_MATCHER = re.compile(r'([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')


def selectors(expr):
    """(metric, [(label, operator, value)], what follows it)"""
    for match in _SELECTOR.finditer(expr):
        yield match[1], _MATCHER.findall(match[2]), expr[match.end():].lstrip()


def labels_of_legend(target):
    return re.findall(r"\{\{\s*(\w+)\s*\}\}", target.get("legendFormat", ""))
