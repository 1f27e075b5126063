#!/usr/bin/env python3
"""Draws the learning curves of finished runs into one SVG: test accuracy against training seconds.

Usage: plot_runs.py OUT.svg LABEL=RUN_FOLDER …
matplotlib is used because it is the field's plotting library. Exits 2 with a message on a folder without curve points.
"""

import json
import pathlib
import sys


def curve(folder: pathlib.Path) -> tuple[list[float], list[float]]:
    """Seconds and accuracies of a run's curve points."""
    seconds, accuracies = [], []
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["event"] in ("curve", "final"):
            seconds.append(row["seconds"])
            accuracies.append(row["accuracy"])
    if not seconds:
        raise ValueError(f"{folder}/metrics.jsonl: no curve points")
    return seconds, accuracies


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or any("=" not in each for each in arguments[1:]):
        print(__doc__, file=sys.stderr)
        return 2
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "zofo"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    try:
        for each in arguments[1:]:
            label, folder = each.split("=", 1)
            seconds, accuracies = curve(pathlib.Path(folder))
            axes.plot(seconds, accuracies, label=label, linewidth=1.6)
    except (OSError, ValueError, KeyError) as error:
        print(f"plot_runs.py: {error}", file=sys.stderr)
        return 2
    axes.axhline(0.85, color="grey", linewidth=0.8, linestyle=":")
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("accuracy on held-out rows")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(arguments[0], metadata={"Date": None})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
