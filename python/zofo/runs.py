"""Fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zofo import _core
from zofo.models import Model
from zofo.progress import Observer
from zofo.requests import events_of, new_request, number, resumed_request, train
from zofo.results import Scores
from zofo.rows import Rows
from zofo.tasks import Pathlike, Task, located


@dataclass(frozen=True)
class Run:
    """The result of a fine-tuning run. Its scores are on the validation rows, which training does not use."""

    out: str
    """The run folder."""
    model: str
    """The model that was fine-tuned."""
    method: str
    """The training method."""
    scores: Scores
    """Scores of the selected model."""
    steps: int
    """Number of outer steps."""
    seconds: float
    """Seconds of training."""
    forward_passes: float
    """Forward passes over a mini-batch; a gradient counts as two."""
    peak_mib: float
    """Peak memory of the process, in MiB."""
    selected: str
    """The selected model: upper (theta with p), lower (theta with s) or backbone (theta)."""
    selected_steps: int
    """Number of outer steps after which the selected model was saved."""
    stopped_early: bool
    """Whether early stopping ended the run."""
    selection: str = ""
    """Which step was selected, and why, as text."""
    scoring_seconds: float = 0.0
    """Seconds of scoring validation rows during the run; they are not in `seconds`."""
    device: str = "auto"
    """Where the run computed: cpu or cuda."""
    precision: str = "auto"
    """The number format of its weights: fp32 or bf16."""

    def load(self, *, device: str | None = None, precision: str | None = None) -> Model:
        """The fine-tuned model. None: the device and the precision of the run, which repeat its scores; a given
        `device` has its own precision, unless that is given too."""
        if precision is None:
            precision = self.precision if device in (None, self.device) else "auto"
        return Model(self.model, self.out, device=self.device if device is None else device, precision=precision)

    def events(self) -> list[dict[str, Any]]:
        """The lines of the run's metrics.jsonl."""
        return events_of(self.out)

    def checkpoints(self) -> list[str]:
        """The folders of the checkpoints that keep_checkpoints kept, by their steps; each has an adapter in peft's
        format. `load` takes one as its `adapter`, `resume` its step as `from_step`."""
        folders = (Path(self.out) / "checkpoints").glob("step-*")
        return [str(each) for each in sorted(folders, key=lambda each: int(each.name.removeprefix("step-")))]

    def plot(self, ax: Any = None) -> Any:
        """Draws the learning curve with matplotlib and returns its axes."""
        from zofo.plot import plot_runs

        return plot_runs([self], ax)


def finetune(
    model: Pathlike | Model,
    task: Task | Pathlike,
    *,
    out: Pathlike,
    method: str = "bilevel",
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> Run:
    """Fine-tunes a model on a task and writes the run folder `out`, which must not exist.

    The rows are `train` and `validation`, or train.jsonl and validation.jsonl in the folder `data` or next to the
    task.toml. `options` are those of `zofo finetune` with underscores (max_steps=200, lora_rank=4,
    start_adapter="folder", keep_checkpoints=2, csv=True; zofo.options() lists them). Without a limit a run takes 3
    epochs. device="auto" (the default) takes a GPU if there is one, else the CPU; "cuda" and "cpu" ask for one, and
    precision="bf16" or "fp32" for the number format. A Model that is passed is not changed: the run loads its weights
    again.

    Ctrl-C ends the run after the current step, saves it and raises KeyboardInterrupt; `resume` continues it. Raises
    zofo.Error naming the option, file or row at fault.
    """
    if (train is None) != (validation is None):
        missing = "validation" if validation is None else "train"
        raise _core.Error(f"{missing}: no rows: give train and validation rows, or the folder data")
    request = new_request(model, out, method, options)
    with located(task, data, train, validation, tasks) as files:
        request.tasks, request.data, request.definitions = [files.task], files.data, files.definitions
        return _run(request, method, progress)


def resume(
    out: Pathlike,
    *,
    from_step: int | None = None,
    model: Pathlike | None = None,
    task: Task | Pathlike | None = None,
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
    progress: bool | Observer = True,
    **options: Any,
) -> Run:
    """Continues an interrupted run with the result of an uninterrupted one, or a finished run with a raised limit.

    `from_step` continues from the checkpoint of this step (option keep_checkpoints) and discards what came after it.
    The model and the data are read from their original paths. Rows and tasks that were Python objects must be given
    again, because they are not stored. Raises zofo.Error if they differ from the original ones.
    """
    request = resumed_request(out, from_step, model, options)
    if task is None:
        if data is not None or train is not None or validation is not None:
            raise _core.Error("task: none: data and rows must be given together with the task")
        return _run(request, "resumed", progress)
    with located(task, data, train, validation, tasks) as files:
        request.tasks, request.data, request.definitions = [files.task], files.data, files.definitions
        return _run(request, "resumed", progress)


def _run(request: _core.RunRequest, title: str, progress: bool | Observer) -> Run:
    return _read_result(request.out, train(request, title, progress))


def _read_result(out: str, result: dict[str, Any]) -> Run:
    scores = Scores(
        number(result.get("loss")), number(result.get("accuracy")), number(result.get("macro_f1")),
        number(result.get("balanced_accuracy")), result.get("exact_match"), result.get("f1"),
        int(result.get("rows", 0)), number(result.get("eval_seconds", 0.0)),
    )
    return Run(out, result["model"], result["method"], scores, result["steps"], result["seconds"], result["passes"],
               result["peak_mib"], result["served"], result["served_steps"], result["stopped_early"],
               result["selection"], result["scoring_seconds"], result["device"], result["precision"])
