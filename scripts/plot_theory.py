#!/usr/bin/env python3
"""Draws the statements that zofo_theory measured: one SVG each, and the table of docs/results/theory/README.md.

usage: plot_theory.py JSON FIGURES [PAGE]. Rates are drawn in log-log with the predicted slope through the centre of
the points. With PAGE, the rows of the statements in JSON are put between its markers; other rows stay as they are.
The same JSON gives the same bytes.
"""

import json
import math
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
HEAD = ["| | statement | predicted | measured | interval | verdict |", "|---|---|---|---|---|---|"]
COLOURS = ["#0b5fa5", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#0e7490"]
plt.rcParams.update({
    "svg.hashsalt": "zofo", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False, "axes.grid": True,
    "axes.spines.right": False, "grid.alpha": 0.3, "figure.figsize": (5.6, 3.6), "legend.frameon": False,
    "legend.fontsize": 8, "path.simplify": True,
})


def finite(series: dict, figure: dict) -> tuple[list, list, list]:
    """The points that the axes can represent."""
    errors = series["error"] or [None] * len(series["x"])
    rows = [(x, y, e or 0.0) for x, y, e in zip(series["x"], series["y"], errors)
            if x is not None and y is not None and not (figure["log_x"] and x <= 0) and not (figure["log_y"] and y <= 0)]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def guide(axes, x: list, y: list, slope: float, colour: str) -> None:
    """The predicted power through the geometric mean of the points."""
    centre_x = sum(math.log(v) for v in x) / len(x)
    centre_y = sum(math.log(v) for v in y) / len(y)
    ends = [min(x), max(x)]
    axes.plot(ends, [math.exp(centre_y + slope * (math.log(v) - centre_x)) for v in ends], "--", color=colour,
              linewidth=1, label=f"predicted slope {slope:g}")


def draw(statement: dict, path: Path) -> None:
    figure = statement["figure"]
    fig, axes = plt.subplots()
    axes.set_xscale("log" if figure["log_x"] else "linear")
    axes.set_yscale("log" if figure["log_y"] else "linear")
    guides = set()
    points = 0
    for series in statement["series"]:
        x, y, error = finite(series, figure)
        if not x:
            continue
        if series["line"]:
            axes.plot(x, y, "-", color="#777777", linewidth=1, label=series["label"] or None, zorder=1)
            continue
        colour = COLOURS[points % len(COLOURS)]
        points += 1
        marker = "o" if len(x) <= 20 else "."
        axes.errorbar(x, y, yerr=error if any(error) else None, fmt=marker, markersize=4, capsize=2, color=colour,
                      label=series["label"])
        if series["slope"] is not None and figure["log_x"] and figure["log_y"]:
            guide(axes, x, y, series["slope"], colour)
            guides.add(series["slope"])
    axes.set_xlabel(figure["x_label"])
    axes.set_ylabel(figure["y_label"])
    verdict = "passed" if statement["passed"] else "FAILED"
    axes.set_title(f"{statement['id']}: {verdict}", fontsize=10, loc="left")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles))
    if unique:
        axes.legend(unique.values(), unique.keys())
    fig.tight_layout()
    fig.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(fig)


def number(x) -> str:
    return "–" if x is None else f"{x:.4g}"


def escaped(text: str) -> str:
    """Text as a cell of a Markdown table."""
    return re.sub(r"([|*])", r"\\\1", text)


def rows(statement: dict) -> list[str]:
    """One row for the statement and one for each comparison."""
    name = statement["id"]
    word = "passed" if statement["passed"] else "**FAILED**"
    out = [f"| [{name}](#{name.lower()}) | {escaped(statement['statement'])} | | | false alarm {statement['false_alarm'] or 0:.0e} "
           f"| {word} |"]
    for c in statement["comparisons"]:
        interval = "exact" if c["low"] == c["high"] else f"[{number(c['low'])}, {number(c['high'])}]"
        mark = "" if c["passed"] else "**failed**"
        out.append(f"| | {escaped(c['what'])} | {c['predicted']} | {number(c['measured'])} | {interval} | {mark} |")
    return out


def blocks(text: str) -> dict[str, list[str]]:
    """The rows of a table by statement."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        start = re.match(r"\| \[(\w+)\]\(#", line)
        if start:
            found[start[1]] = []
        if found and line.startswith("| "):
            found[list(found)[-1]].append(line)
    return found


def order(name: str) -> tuple[int, str]:
    return "PIEC".find(name[0]), name


def write_table(statements: list[dict], page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{page}: must have the markers {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    middle, tail = rest.split(END)
    table = blocks(middle)
    table.update({s["id"]: rows(s) for s in statements})
    lines = HEAD + [line for name in sorted(table, key=order) for line in table[name]]
    page.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + tail, encoding="utf-8")


def main(words: list[str]) -> int:
    if len(words) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    statements = json.loads(Path(words[0]).read_text(encoding="utf-8"))["statements"]
    figures = Path(words[1])
    figures.mkdir(parents=True, exist_ok=True)
    for statement in statements:
        if statement["series"]:
            draw(statement, figures / f"{statement['id'].lower()}.svg")
    if len(words) == 3:
        write_table(statements, Path(words[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
