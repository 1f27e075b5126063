#!/usr/bin/env python3
"""Draws how a zeroth-order step's time grows with d, q and T.

usage: plot_scaling.py JSON SVG, JSON from `zofo_bench_zo --benchmark_format=json`. The same JSON gives the same bytes.
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

plt.rcParams.update({"svg.hashsalt": "zofo", "svg.fonttype": "none", "font.size": 9, "axes.grid": True,
                     "grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False,
                     "legend.frameon": False, "figure.figsize": (9.0, 3.2)})


def points(runs: list[dict], name: str) -> tuple[list[int], list[float]]:
    rows = sorted((int(r["name"].removeprefix(name + "/").split("/")[0]), r["real_time"]) for r in runs
                  if r["name"].startswith(name + "/"))
    return [x for x, _ in rows], [y for _, y in rows]


def panel(axes, runs: list[dict], names: dict[str, str], label: str) -> None:
    for name, legend in names.items():
        x, y = points(runs, name)
        if not x:
            raise SystemExit(f"no runs named {name}")
        axes.loglog(x, y, "o-", markersize=4, label=legend)
        axes.loglog(x, [y[-1] * v / x[-1] for v in x], "--", color="#999999", linewidth=1)
    axes.set_xlabel(label)
    axes.legend()


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        runs = json.load(file)["benchmarks"]
    fig, axes = plt.subplots(1, 3)
    panel(axes[0], runs, {"step/gaussian": "Gaussian", "step/rademacher": "random signs"}, "d, coordinates of θ")
    panel(axes[1], runs, {"queries": "d = 2²⁰"}, "q, queries")
    panel(axes[2], runs, {"inner_steps": "2²⁰ adapter numbers"}, "T, inner steps")
    axes[0].set_ylabel("ms a step (dashed: linear)")
    fig.tight_layout()
    fig.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
