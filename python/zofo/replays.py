"""The replay of a run."""

from __future__ import annotations

import os
from dataclasses import dataclass

from zofo import _core
from zofo.meta import MetaRun
from zofo.requests import step_number
from zofo.runs import Run
from zofo.tasks import Pathlike


@dataclass(frozen=True)
class Replayed:
    """The result of a replay."""

    what: str
    """What the run's zeroth-order updates changed: theta or adapter."""
    hash: str
    """Hash of it after the replay."""
    steps: int
    """Number of steps that were replayed."""
    verified: bool
    """Whether the run recorded this hash; False where it has no record for this step."""
    seconds: float
    """Time of the replay, in seconds."""


def replay(run: Pathlike | Run | MetaRun, *, model: Pathlike | None = None, to: int | None = None) -> Replayed:
    """Rebuilds a run's weights from its initial model and its trajectory, bit for bit, and verifies their hash.

    It computes on the device and in the precision of the run. Without `model` it is the one that the run names. `to`:
    number of steps; None: those of the selected model. Raises zofo.Error if the model is another one, the trajectory is
    shorter, or the result is not what the run recorded.
    """
    folder = run.out if isinstance(run, (Run, MetaRun)) else os.fspath(run)
    place = "" if model is None else os.fspath(model)
    return Replayed(*_core.replay(folder, place, None if to is None else step_number("to", to)))
