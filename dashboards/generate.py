#!/usr/bin/env python3
"""Writes the Grafana dashboards that deploy/grafana holds: dashboards/generate.py [FOLDER].

The source is Python data and nothing else, so that any machine that builds the agent can regenerate them without a network.
"""
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import agent  # noqa: E402
import board  # noqa: E402
import efficiency  # noqa: E402
import overview  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "deploy/grafana/dashboards"


def files():
    """{file name: text}"""
    return {made["uid"] + ".json": json.dumps(made, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
            for made in (module.DASHBOARD for module in (overview, board, efficiency, agent))}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
