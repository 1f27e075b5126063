"""Tasks: how a row becomes a prompt, which answers are possible, and where the rows are."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zofo import _core
from zofo.rows import Rows, to_json_lines

Pathlike = str | os.PathLike[str]


@dataclass(frozen=True)
class Task:
    """A task whose rows share their answer choices. For others write a task.toml (docs/guide/own-task.md)."""

    prompt: str
    """Prompt template with fields of a row in braces, for example "{text} It was"."""
    choices: Sequence[str]
    """Answer choices with their leading blank, for example " terrible"."""
    label: str = "label"
    """Field of the label."""
    labels: Mapping[Any, int] | None = None
    """Map from a label to the index of its choice; default: labels are the indices 0, 1, ..."""
    name: str = "task"
    """Name of the task in results."""
    more: str = ""
    """Further lines of the task.toml, inserted before its [label_map], for example 'metric = "macro_f1"'."""

    def toml(self) -> str:
        """The task as the text of a task.toml."""
        labels = {i: i for i in range(len(self.choices))} if self.labels is None else self.labels
        lines = [
            f"name = {_text(self.name)}",
            f"prompt = {_text(self.prompt)}",
            f"options = [{', '.join(_text(each) for each in self.choices)}]",
            f"label_field = {_text(self.label)}",
            *([self.more] if self.more else []),
            "[label_map]",
            *(f"{_text(_label(label))} = {int(index)}" for label, index in labels.items()),
        ]
        return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML basic string: its escapes are those of JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _label(label: Any) -> str:
    if isinstance(label, bool):
        return "true" if label else "false"
    return str(label)


def definitions(given: Pathlike | None = None) -> str:
    """The folder with task definitions: the given one, $ZOFO_TASKS, or that of the package."""
    if given is not None:
        return os.fspath(given)
    return os.environ.get("ZOFO_TASKS") or str(Path(__file__).parent / "tasks")


@dataclass(frozen=True)
class Located:
    """A task and its rows as files. An empty `task` is that of a run."""

    task: str
    data: str
    definitions: str

    def arguments(
        self, run: str | None, template: str, max_prompt_tokens: int, demonstrations: int, seed: int
    ) -> _core.TaskArguments:
        """For the compiled part. `run`: the folder that holds the task where none is named."""
        return _core.TaskArguments(self.task, self.data, self.definitions, run or "", template, max_prompt_tokens,
                                   demonstrations, seed)


def _write_rows(folder: Path, train: Rows, validation: Rows) -> None:
    """Writes rows into a folder; each that is None has the lines of the other."""
    lines = {name: to_json_lines(rows) for name, rows in (("train", train), ("validation", validation)) if rows is not None}
    for name in ("train", "validation"):
        text = "\n".join(lines[name] if name in lines else next(iter(lines.values())))
        (folder / f"{name}.jsonl").write_text(text + "\n", encoding="utf-8")


@contextmanager
def located(
    task: Task | Pathlike | None,
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
    need_rows: bool = True,
) -> Iterator[Located]:
    """The task as files; rows and tasks that are objects are written to a temporary folder.

    Raises zofo.Error if both `data` and rows are given, or if rows are missing that are needed.
    """
    if data is not None and (train is not None or validation is not None):
        raise _core.Error("data: not together with rows: give a folder, or train and validation rows")
    with tempfile.TemporaryDirectory(prefix="zofo-") as name:
        folder = Path(name)
        place = "" if task is None else str(folder) if isinstance(task, Task) else os.fspath(task)
        if isinstance(task, Task):
            (folder / "task.toml").write_text(task.toml(), encoding="utf-8")
        where = "" if data is None else os.fspath(data)
        if train is not None or validation is not None:
            where = str(folder / "rows")
            os.mkdir(where)
            _write_rows(folder / "rows", train, validation)
        elif isinstance(task, Task) and data is None and need_rows:
            raise _core.Error("rows: none: give train and validation rows, or a folder as data")
        yield Located(place, where, definitions(tasks))


@dataclass(frozen=True)
class TaskRows:
    """A task with its rows, for a training over several tasks."""

    task: Task
    """The task; its name must differ from those of the others."""
    train: Rows
    """Training rows."""
    validation: Rows
    """Rows that score the result."""


@contextmanager
def located_tasks(
    given: Sequence[TaskRows | Pathlike], data: Pathlike | None, tasks: Pathlike | None
) -> Iterator[tuple[list[str], str, str]]:
    """Several tasks as files: their folders or names, the folder with their rows, that of definitions.

    Raises zofo.Error if `data` is given together with rows.
    """
    if isinstance(given, (str, os.PathLike)):
        raise _core.Error(f"tasks = {os.fspath(given)!r}: must be a list")
    if data is not None and any(isinstance(each, TaskRows) for each in given):
        raise _core.Error("data: not together with rows: give a folder, or rows with each task")
    with tempfile.TemporaryDirectory(prefix="zofo-") as name:
        places = []
        for number, each in enumerate(given):
            if not isinstance(each, TaskRows):
                places.append(os.fspath(each))
                continue
            folder = Path(name) / str(number)
            folder.mkdir()
            (folder / "task.toml").write_text(each.task.toml(), encoding="utf-8")
            _write_rows(folder, each.train, each.validation)
            places.append(str(folder))
        yield places, "" if data is None else os.fspath(data), definitions(tasks)
