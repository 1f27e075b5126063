"""Learning curves with matplotlib, which is imported here only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zofo import _core

if TYPE_CHECKING:
    from zofo.runs import Run


def plot_runs(runs: Sequence[Run], ax: Any = None) -> Any:
    """Draws the validation loss of runs over training seconds and returns the axes. Raises zofo.Error without
    matplotlib, or where a run has no points (curve_points=0)."""
    if ax is None:
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise _core.Error("matplotlib: is not installed: pip install matplotlib") from error
        _, ax = pyplot.subplots()
    for run in runs:
        points = [event for event in run.events() if event.get("event") == "curve"]
        if not points:
            raise _core.Error(f"{run.out}: has no points of a curve (curve_points = 0)")
        ax.plot([p["seconds"] for p in points], [p["loss"] for p in points], marker="o", label=run.method)
    ax.set_xlabel("seconds of training")
    ax.set_ylabel("loss on validation examples")
    ax.legend()
    return ax
