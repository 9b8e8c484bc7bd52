"""The dashboards against Grafana's own TypeScript types and Prometheus' own grammar, both from npm.

Skips (77) where node or the packages of types/package.json are not there: `./dev test` installs them.
"""
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import queries

TYPES = pathlib.Path(__file__).resolve().parent / "types"
MODULES = queries.ROOT / "build/tools/dashboards/node_modules"

# change -> what the compiler must name
BREAK = {
    "a field of the dashboard that Grafana does not know": (lambda d: d.update(editabel=False), "editabel"),
    "an option that the panel does not have": (lambda d: _first(d, "stat")["options"].update(graphmode="none"), "graphmode"),
    "a value that the option cannot take": (lambda d: _first(d, "stat")["options"].update(colorMode="bold"), "bold"),
    "a wrong field setting": (lambda d: _first(d, "timeseries")["fieldConfig"]["defaults"]["custom"].update(lineWith=1), "lineWith"),
    "a panel without options": (lambda d: _first(d, "timeseries").pop("options"), "options"),
    "an unknown panel": (lambda d: _first(d, "stat").update(type="graph"), "graph"),
    "a number as text": (lambda d: d["templating"]["list"][1].update(refresh="2"), "VariableRefresh"),
}


def _first(dashboard, kind):
    return next(panel for panel in dashboard["panels"] if panel["type"] == kind)


def compile_all(texts):
    """{name: JSON} -> {name: what tsc says about it}"""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "node_modules").symlink_to(MODULES)
        shutil.copy(TYPES / "classic.ts", folder)
        for name, text in texts.items():
            (folder / (name + ".ts")).write_text(
                f"import type {{ Classic }} from './classic';\nexport const dashboard: Classic = {text};\n", encoding="utf-8")
        done = subprocess.run(["node", str(MODULES / "typescript/bin/tsc"), "--noEmit", "--strict", "--skipLibCheck",
                               "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler",
                               "--preserveSymlinks", *(name + ".ts" for name in texts)],
                              cwd=folder, capture_output=True, text=True, check=False)
    said = {name: "" for name in texts}
    about = None
    for line in (done.stdout + done.stderr).splitlines():
        name = line.split(".ts(")[0]
        if not line.startswith(" "):
            if name not in said:
                raise RuntimeError("tsc: " + line)
            about = name
        said[about] += line + "\n"
    return said


def parse_errors(exprs):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "node_modules").symlink_to(MODULES)
        shutil.copy(TYPES / "parse.cjs", folder)
        done = subprocess.run(["node", "--preserve-symlinks", "--preserve-symlinks-main", "parse.cjs"], cwd=folder, check=True,
                              input=json.dumps(exprs), capture_output=True, text=True)
    return json.loads(done.stdout)


class Types(unittest.TestCase):
    def test_grafanas_types_accept_them_and_refuse_mistakes(self):
        texts = {dashboard["uid"]: json.dumps(dashboard, indent=1) for dashboard in queries.dashboards()}
        expected = {name: "" for name in texts}
        for number, (change, word) in enumerate(BREAK.values()):
            broken = copy.deepcopy(next(one for one in queries.dashboards() if one["uid"] == "tegrascope-overview"))
            change(broken)
            texts[f"broken{number}"] = json.dumps(broken, indent=1)
            expected[f"broken{number}"] = word
        said = compile_all(texts)
        for name, word in expected.items():
            with self.subTest(dashboard=name):
                if word:
                    self.assertIn(word, said[name])
                else:
                    self.assertEqual(said[name], "")


class Grammar(unittest.TestCase):
    VALUES = {"job": "a", "instance": "b", "model": "c", "__rate_interval": "1m", "__range": "1h", "__interval": "15s"}

    def test_prometheus_grammar_accepts_every_query(self):
        exprs = [queries.fill_in(target["expr"], self.VALUES) for dashboard in queries.dashboards()
                 for panel in queries.panels(dashboard) for target in panel["targets"]]
        self.assertGreater(len(exprs), 50)
        self.assertEqual(parse_errors(exprs), [])

    def test_prometheus_grammar_refuses_mistakes(self):
        wrong = ["", "sum(", "sum by model (a)", "a{b=1}", "rate(a[])"]
        self.assertEqual(parse_errors(wrong + ["sum by (b) (rate(a{c=\"d\"}[5m]))"]), wrong)


if __name__ == "__main__":
    if not shutil.which("node") or not (MODULES / "typescript").is_dir():
        print(f"skipped: no node, or no packages in {MODULES}; ./dev test installs them")
        sys.exit(77)
    unittest.main()
