#!/usr/bin/env python3
"""Draws the comparison of bilevel methods and writes its table into the page.

    python3 scripts/plot_bilevel.py RESULT.json [--page docs/results/bilevel/README.md]

RESULT.json is the output of `zofo_bench_bilevel --json`. Figures are written to figures/NAME.svg in the page's folder.
The text between the markers `<!-- table -->` and `<!-- end of table -->` of the page, and between `<!-- NAME -->` and
`<!-- end of NAME -->` for each problem, is replaced. The same result gives the same bytes.
"""

import argparse
import json
import re
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

matplotlib.rcParams.update({"svg.hashsalt": "zofo", "svg.fonttype": "none", "font.size": 9, "path.simplify": True})

COLOURS = {
    "bilevel": "#0b5fa5",
    "bilevel_orthogonal": "#4c9bd6",
    "bilevel_svrg": "#2aa198",
    "nested": "#b58900",
    "mezo": "#cb4b16",
    "joint": "#d33682",
    "penalty_first_order": "#6c71c4",
    "implicit": "#586e75",
    "exact": "#111111",
}
FLOOR = 1e-7  # least error that is drawn: smaller ones are dominated by the error of the reference φ


def measure(problem: dict) -> str:
    return "‖∇φ(θ)‖ / ‖∇φ(θ₀)‖" if problem["measured_by"] == "gradient" else "(φ(θ) − φ*) / (φ(θ₀) − φ*)"


def draw(problem: dict, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(7.2, 4.2))
    grid = problem["evaluations"]
    for method in problem["methods"]:
        colour = COLOURS[method["name"]]
        lower, median, upper = (
            [max(v, FLOOR) if v is not None else float("nan") for v in method["curve"][k]]
            for k in ("lower", "median", "upper")
        )
        axes.fill_between(grid[::2], lower[::2], upper[::2], color=colour, alpha=0.15, linewidth=0)
        axes.plot(grid, median, color=colour, linewidth=1.4, label=method["name"])
        hit = method["quartiles"][1]
        if hit is not None:
            axes.plot([hit], [problem["target"]], "o", color=colour, markersize=5, markeredgecolor="white")
    axes.axhline(problem["target"], color="grey", linewidth=0.8, linestyle="--")
    axes.set(xscale="log", yscale="log", xlim=(grid[0], grid[-1]), title=problem["title"],
             xlabel="evaluations (value 1, gradient 2, second-order product 4)", ylabel=measure(problem))
    axes.set_ylim(top=3.0, bottom=max(axes.get_ylim()[0], FLOOR))
    axes.legend(fontsize=7.5, loc="lower left", framealpha=0.85)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def count(value: float) -> str:
    return f"{value:,.0f}"


def reached(method: dict, budget: float) -> str:
    """Median [quartiles] of the evaluations to the target; infinite for a run that did not reach it."""
    low, middle, high = method["quartiles"]
    runs = f"{method['reached']}/{method['runs']}"
    if middle is None:
        return f"not reached in {count(budget)} ({runs})"
    ends = f"{count(low)}–{'∞' if high is None else count(high)}"
    return f"{count(middle)} [{ends}]" + ("" if method["reached"] == method["runs"] else f" ({runs})")


def short(value, digits="{:.2g}") -> str:
    return "∞" if value is None else digits.format(value)


def crossing(problem: dict, method: dict, level: float) -> str:
    """The first grid point at which the median curve is at or below `level`."""
    for at, value in zip(problem["evaluations"], method["curve"]["median"]):
        if value is not None and value <= level:
            return count(at)
    return "–"


def overview(result: dict) -> str:
    names = [p["name"] for p in result["problems"]]
    lines = ["| method | " + " | ".join(f"[{n}](#{n})" for n in names) + " |", "|---" * (len(names) + 1) + "|"]
    for method in (m["name"] for m in result["problems"][0]["methods"]):
        cells = []
        for problem in result["problems"]:
            found = next(m for m in problem["methods"] if m["name"] == method)
            middle = found["quartiles"][1]
            cells.append("–" if middle is None else count(middle))
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(f"Median evaluations to the target over {result['seeds']} seeds; – : the median run did not reach it "
                 "within the budget (" + ", ".join(f"{p['name']} {count(p['budget'])}" for p in result["problems"]) + ").")
    if result["skipped"]:
        lines.append(f"Skipped, because the data is missing: {', '.join(result['skipped'])}.")
    return "\n".join(lines)


def detail(problem: dict) -> str:
    extras = sorted(problem.get("extras_at_start", {}))
    heads = ["method", f"evaluations to {problem['target']:g}: median [quartiles]", "left at the end",
             "rate, 2^k units"] + [e.replace("_", " ") + " at the end" for e in extras]
    if problem["measured_by"] == "gap":
        heads.insert(2, "median curve at 0.1" if problem["target"] != 0.1 else "median curve at 0.5")
    level = 0.1 if problem["target"] != 0.1 else 0.5
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for method in problem["methods"]:
        edge = " (end of grid)" if method["rate_at_end_of_grid"] else ""
        cells = [f"`{method['name']}`", reached(method, problem["budget"])]
        if problem["measured_by"] == "gap":
            cells.append(crossing(problem, method, level))
        cells += [short(method["final"][1]), f"{method['rate_power']}{edge}"]
        cells += [short(method["extras"][e][1], "{:.3f}") if e in method.get("extras", {}) else "–" for e in extras]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"θ ∈ R^{problem['theta_size']}, p ∈ R^{problem['adapter_size']}, λ = {problem['penalty']:g}, "
              f"T = {problem['inner_steps']}, budget {count(problem['budget'])} evaluations, measured by {measure(problem)}."]
    if extras:
        lines.append("At the start: " + ", ".join(
            f"{e.replace('_', ' ')} {short(problem['extras_at_start'][e][1], '{:.3f}')}" for e in extras) + ".")
    lines += [f"Source: {problem['citation']}", "", f"![{problem['title']}](figures/{problem['name']}.svg)"]
    return "\n".join(lines)


def between(page: str, marker: str, text: str) -> str:
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- end of {marker} -->)", re.DOTALL)
    if not pattern.search(page):
        sys.exit(f"plot_bilevel: the page has no markers <!-- {marker} --> and <!-- end of {marker} -->")
    return pattern.sub(lambda m: m.group(1) + text + "\n" + m.group(2), page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--page", type=Path, default=Path("docs/results/bilevel/README.md"))
    arguments = parser.parse_args()
    result = json.loads(arguments.result.read_text())
    figures = arguments.page.parent / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    page = between(arguments.page.read_text(), "table", overview(result))
    for problem in result["problems"]:
        draw(problem, figures / f"{problem['name']}.svg")
        page = between(page, problem["name"], detail(problem))
    arguments.page.write_text(page)


if __name__ == "__main__":
    main()
