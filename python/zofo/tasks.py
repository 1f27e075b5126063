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
    """A task and its rows as files."""

    task: str
    data: str
    definitions: str

    def arguments(self, template: str = "") -> _core.TaskArguments:
        """For the compiled part."""
        return _core.TaskArguments(self.task, self.data or None, self.definitions, template)


@contextmanager
def located(
    task: Task | Pathlike,
    data: Pathlike | None = None,
    train: Rows = None,
    validation: Rows = None,
    tasks: Pathlike | None = None,
) -> Iterator[Located]:
    """The task as files; rows and tasks that are objects are written to a temporary folder.

    Raises zofo.Error if both `data` and rows are given, or if rows are missing.
    """
    if data is not None and (train is not None or validation is not None):
        raise _core.Error("data: not together with rows: give a folder, or train and validation rows")
    with tempfile.TemporaryDirectory(prefix="zofo-") as name:
        folder = Path(name)
        place = os.fspath(task) if not isinstance(task, Task) else str(folder)
        if isinstance(task, Task):
            (folder / "task.toml").write_text(task.toml(), encoding="utf-8")
        where = "" if data is None else os.fspath(data)
        if train is not None or validation is not None:
            where = str(folder / "rows")
            os.mkdir(where)
            for file, rows in (("train", train), ("validation", validation)):
                lines = to_json_lines(rows if rows is not None else (train if validation is None else validation))
                (folder / "rows" / f"{file}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        elif isinstance(task, Task) and data is None:
            raise _core.Error("rows: none: give train and validation rows, or a folder as data")
        yield Located(place, where, definitions(tasks))
