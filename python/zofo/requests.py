"""What a training run is asked for, as the compiled part takes it, and the run itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from zofo import _core
from zofo.models import Model
from zofo.progress import Observer, Printer, Progress
from zofo.tasks import Pathlike


def options() -> dict[str, str]:
    """The options of a run and their help."""
    return dict(_core.option_names())


def _toml(given: dict[str, Any]) -> str:
    """Options as TOML. Raises zofo.Error naming an option that does not exist or has a value of another type."""
    known = options()
    lines = []
    for name, value in given.items():
        if name not in known:
            raise _core.Error(f"{name}: is no option of a run: zofo.options() lists them")
        if isinstance(value, bool):
            text = "true" if value else "false"
        elif isinstance(value, (int, float)):
            text = repr(value)
        elif isinstance(value, (str, os.PathLike)):
            text = json.dumps(os.fspath(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        elif hasattr(value, "item"):  # NumPy's numbers
            text = json.dumps(value.item())
        else:
            raise _core.Error(f"{name}: {type(value).__name__}: must be a text, a number, True or False")
        lines.append(f"{name} = {text}\n")
    return "".join(lines)


def path_of_model(model: Pathlike | Model) -> str:
    """The path of a model to train. Raises zofo.Error for one with a run's updates or with an adapter."""
    if not isinstance(model, Model):
        return os.fspath(model)
    if model.run is not None:
        raise _core.Error(f"model: is the result of the run {model.run}: export it first, and take that")
    if model.adapter is not None:
        raise _core.Error(f"model: has the adapter {model.adapter}: give that as start_adapter, with {model.path!r}")
    return model.path


def step_number(name: str, value: int) -> int:
    """Raises zofo.Error naming the argument unless its value is the number of a step."""
    if not isinstance(value, int) or not 0 <= value < 2**32:
        raise _core.Error(f"{name} = {value!r}: must be a whole number in [0, {2**32 - 1}]")
    return value


def new_request(model: Pathlike | Model, out: Pathlike, method: str, options: dict[str, Any]) -> _core.RunRequest:
    """A request for a new run, without its tasks."""
    request = _core.RunRequest()
    request.out = os.fspath(out)
    request.model = path_of_model(model)
    request.options = _toml({"method": method, **options})
    request.adapter_given = "adapter" in options
    return request


def resumed_request(
    out: Pathlike, from_step: int | None, model: Pathlike | None, options: dict[str, Any]
) -> _core.RunRequest:
    """A request to continue the run in a folder."""
    request = _core.RunRequest()
    request.resume = True
    request.out = os.fspath(out)
    request.model = "" if model is None else os.fspath(model)
    request.options = _toml(options)
    request.from_step = None if from_step is None else step_number("from_step", from_step)
    return request


def train(request: _core.RunRequest, title: str, progress: bool | Observer) -> dict[str, Any]:
    """Runs it and returns its result.json. Raises KeyboardInterrupt after Ctrl-C, once the run is saved."""
    printer = Printer(title) if progress is True else None
    observer: Observer | None = printer if printer is not None else (progress if callable(progress) else None)
    watch = None
    if observer is not None:
        shown = observer

        def watch(step: int | None, *numbers: Any) -> None:
            shown(numbers[-1] if step is None else Progress(step, *numbers[:-1]))

    try:
        result: dict[str, Any] = json.loads(_core.train(request, watch))
    finally:
        if printer is not None:
            printer.close()
    if result["interrupted"]:
        again = "resume_meta_train" if request.meta else "resume"
        raise KeyboardInterrupt(f"interrupted after step {result['steps']}; to resume: zofo.{again}({request.out!r})")
    return result


def events_of(out: str) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl in a run folder."""
    with open(Path(out) / "metrics.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def number(value: Any) -> float:
    """A number of a result; NaN where it has none."""
    return float("nan") if value is None else float(value)
