#!/usr/bin/env python3
"""Draws the dashboards from live data of a simulated board: preview.py PROGRAM OUTPUT [SECONDS].

The panels are those of @grafana/ui, but for the state timeline and the heat map, which Grafana keeps in its own tree: cells.tsx
draws stand-ins for these two, for the annotations and for the dashboard around the panels. No Grafana server is involved.
"""
import functools
import http.server
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/dashboards"))

import live  # noqa: E402
import queries  # noqa: E402

MODULES = ROOT / "build/tools/preview/node_modules"
# name of the picture: theme, width, pixels for each of Grafana's
SHOTS = {"dark": ("dark", 1400, 1), "light": ("light", 1400, 1), "phone": ("dark", 390, 2), "phone-light": ("light", 390, 2)}
# The board whose agent looks on has every file; the one with the relay knows every request.
INSTANCES = {"tegrascope-board": "orin-2", "tegrascope-efficiency": "orin-1"}


def die(message):
    print("preview: " + message, file=sys.stderr)
    sys.exit(1)


def values(uid, seconds):
    return {"job": ".+", "instance": INSTANCES.get(uid, ".+"), "model": ".+", "__rate_interval": "8s", "__interval": "1s",
            "__range": f"{int(seconds)}s"}


def marks(board, dashboard, filled, start, end):
    """As Grafana makes them of a query: a mark, or a bar where points above 0 follow each other."""
    made = []
    for one in dashboard["annotations"]["list"]:
        if not one.get("expr") or not one["enable"]:
            continue
        for series in board.range(queries.fill_in(one["expr"], filled), start, end, 1):
            bar = None
            for time, value in series["values"]:
                if not float(value) > 0:
                    continue
                if bar and time - bar["timeEnd"] / 1000 <= 1:
                    bar["timeEnd"] = time * 1000
                    continue
                bar = {"time": time * 1000, "timeEnd": time * 1000, "color": one["iconColor"]}
                made.append(bar)
    return made


def ask(board, dashboard, start, end):
    filled = values(dashboard["uid"], end - start)
    answers = {}
    for panel in queries.panels(dashboard):
        answers[panel["id"]] = []
        for target in panel["targets"]:
            expr = queries.fill_in(target["expr"], filled)
            result = board.api("query", query=expr, time=end)["result"] if target["instant"] else board.range(expr, start, end, 1)
            answers[panel["id"]].append({"refId": target["refId"], "legend": target.get("legendFormat"), "format": target["format"],
                                         "result": result})
    return {"dashboard": dashboard, "from": start * 1000, "to": end * 1000, "step": 1, "answers": answers,
            "marks": marks(board, dashboard, filled, start, end)}


def collect(program, output, seconds):
    with live.LiveBoard(program, live.find_tool("prometheus") or die("no prometheus"), scenario="tour") as board:
        if not board.wait(seconds + 5):
            die("Prometheus did not scrape")
        start = math.floor(board.started) + 5
        for dashboard in queries.dashboards():
            text = json.dumps(ask(board, dashboard, start, start + seconds))
            (output / (dashboard["uid"] + ".js")).write_text("window.PREVIEW = " + text, encoding="utf-8")


def bundle(output):
    subprocess.run([str(MODULES / ".bin/esbuild"), str(pathlib.Path(__file__).parent / "page.tsx"), "--bundle", "--minify",
                    f"--alias:react-custom-scrollbars-2={pathlib.Path(__file__).parent / 'scrollbars.ts'}",
                    "--outfile=" + str(output / "page.js"), "--jsx=automatic", "--log-level=error", "--loader:.woff=file",
                    "--loader:.woff2=file", "--loader:.svg=file", "--loader:.ttf=file",
                    '--define:process.env.NODE_ENV="production"', "--define:global=window"],
                   check=True, env={**os.environ, "NODE_PATH": str(MODULES)})
    for dashboard in queries.dashboards():
        uid = dashboard["uid"]
        (output / (uid + ".html")).write_text(
            "<!doctype html><meta charset=utf-8><link rel=stylesheet href=page.css><style>body{margin:0}</style>"
            f"<body><div id=page></div><script src={uid}.js></script><script src=page.js></script>", encoding="utf-8")
    shutil.copytree(MODULES / "@grafana/ui/dist/public", output / "public", dirs_exist_ok=True)


def height_of(dashboard, width):
    if width < 769:
        return 50 + sum(38 * panel["gridPos"]["h"] for panel in dashboard["panels"])
    return 50 + max(38 * (panel["gridPos"]["y"] + panel["gridPos"]["h"]) for panel in dashboard["panels"])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def shoot(chromium, output):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(output)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for dashboard in queries.dashboards():
        for name, (theme, width, scale) in SHOTS.items():
            picture = output / f"{dashboard['uid'].removeprefix('tegrascope-')}-{name}.png"
            url = f"http://127.0.0.1:{server.server_port}/{dashboard['uid']}.html?theme={theme}&width={width}"
            subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=20000",
                            f"--window-size={width},{height_of(dashboard, width)}", f"--force-device-scale-factor={scale}",
                            f"--screenshot={picture}", url], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=180)
            print(picture)
    server.shutdown()


def main():
    if len(sys.argv) < 3:
        die("usage: preview.py PROGRAM OUTPUT [SECONDS]")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        die("no chromium: apt-get install chromium")
    if not MODULES.is_dir():
        die(f"no packages in {MODULES}: ./dev dashboards-preview installs them")
    output = pathlib.Path(sys.argv[2]).resolve()
    output.mkdir(parents=True, exist_ok=True)
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 180
    if seconds:
        collect(os.path.abspath(sys.argv[1]), output, seconds)
    bundle(output)
    shoot(chromium, output)


if __name__ == "__main__":
    main()
