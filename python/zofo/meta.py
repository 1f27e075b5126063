"""Training of one backbone over several tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zofo import _core
from zofo.models import Model
from zofo.progress import Observer
from zofo.requests import events_of, new_request, number, resumed_request, train
from zofo.tasks import Pathlike, TaskRows, located_tasks


@dataclass(frozen=True)
class TaskResult:
    """What a training over several tasks did for one of them, on its validation rows."""

    name: str
    """The task."""
    examples: int
    """Number of validation rows."""
    loss: float
    """Mean loss afterwards."""
    balanced_accuracy: float
    """Mean recall over the classes afterwards."""
    loss_before: float
    """Mean loss of the untrained model."""
    balanced_accuracy_before: float
    """Mean recall of the untrained model."""


@dataclass(frozen=True)
class MetaRun:
    """The result of a training over several tasks, from which `adapt` adapts to a new one."""

    out: str
    """The run folder."""
    model: str
    """The model that was trained."""
    method: str
    """The training method."""
    tasks: tuple[TaskResult, ...]
    """The results, in the order of the tasks."""
    steps: int
    """Number of outer steps."""
    seconds: float
    """Seconds of training."""
    forward_passes: float
    """Forward passes over a mini-batch; a gradient counts as two."""
    peak_mib: float
    """Peak memory of the process, in MiB."""
    device: str = "auto"
    """Where the run computed: cpu or cuda."""
    precision: str = "auto"
    """The number format of its weights: fp32 or bf16."""

    def events(self) -> list[dict[str, Any]]:
        """The lines of the run's metrics.jsonl."""
        return events_of(self.out)


def meta_train(
    model: Pathlike | Model,
    tasks: Sequence[TaskRows | Pathlike],
    *,
    out: Pathlike,
    method: str = "bilevel",
    data: Pathlike | None = None,
    definitions: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> MetaRun:
    """Trains one backbone over many tasks, with a pair of adapters for each, and writes the run folder `out`.

    Each of `tasks` is a TaskRows, a folder with a task.toml, or the name of a definition in the folder `definitions`.
    The rows of the latter are in data/NAME, or next to the task.toml. The other arguments are those of `finetune`,
    with the options of `zofo meta-train`. Raises zofo.Error naming the option, file or row at fault.
    """
    request = new_request(model, out, method, options)
    request.meta = True
    with located_tasks(tasks, data, definitions) as (request.tasks, request.data, request.definitions):
        return _run_meta(request, method, progress)


def resume_meta_train(
    out: Pathlike,
    *,
    model: Pathlike | None = None,
    tasks: Sequence[TaskRows | Pathlike] | None = None,
    data: Pathlike | None = None,
    definitions: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> MetaRun:
    """Continues a run of `meta_train`, as `resume` does one of `finetune`. Tasks that were Python objects must be given
    again, all of them."""
    request = resumed_request(out, None, model, options)
    request.meta = True
    if tasks is None:
        if data is not None:
            raise _core.Error("tasks: none: data must be given together with the tasks")
        return _run_meta(request, "resumed", progress)
    with located_tasks(tasks, data, definitions) as (request.tasks, request.data, request.definitions):
        return _run_meta(request, "resumed", progress)


def _run_meta(request: _core.RunRequest, title: str, progress: bool | Observer) -> MetaRun:
    result = train(request, title, progress)
    tasks = tuple(
        TaskResult(each["name"], int(each["rows"]), number(each.get("loss")), number(each.get("balanced_accuracy")),
                   number(each.get("loss_before")), number(each.get("balanced_accuracy_before")))
        for each in result["tasks"]
    )
    return MetaRun(request.out, result["model"], result["method"], tasks, result["steps"],
                   result["seconds"], result["passes"], result["peak_mib"], result["device"], result["precision"])
