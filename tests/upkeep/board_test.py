#!/usr/bin/env python3
"""Whether a Grafana board holds together. Usage: board_test.py BOARD.json; fails on the first mistake.

Every query must be PromQL (promtool judges it, with the board's variables filled in), panels must not overlap, and
variables that queries use must exist.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile


def queries(board):
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def filled_in(expression, variables):
    expression = expression.replace("$__rate_interval", "5m")
    used = set(re.findall(r"\$(\w+)", expression))
    assert used <= variables, f"no such variable: {used - variables} in {expression}"
    return re.sub(r"\$\w+", ".*", expression)


def check_queries(board):
    variables = {variable["name"] for variable in board["templating"]["list"]}
    rules = [{"record": "board:query", "expr": filled_in(expression, variables), "labels": {"n": f"{title} {n}"}}
             for n, (title, expression) in enumerate(queries(board))]
    assert len(rules) > 20, "hardly any queries: the test looks in the wrong place"
    with tempfile.TemporaryDirectory() as place:
        file = pathlib.Path(place) / "board.yml"
        file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))  # JSON is YAML
        subprocess.run(["promtool", "check", "rules", "--lint-fatal", file], check=True)


def check_places(board):
    taken = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, f"{panel['title']} is wider than the board"
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in taken, f"{panel['title']} lies over {taken[cell]}"
            taken[cell] = panel["title"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)), "two panels have the same id"


if __name__ == "__main__":
    content = json.loads(pathlib.Path(sys.argv[1]).read_text())
    check_places(content)
    check_queries(content)
