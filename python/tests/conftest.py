"""A generated model and task, and a run that learned it, for all tests."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import OPTIONS

import zofo


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("tiny")
    model, task = zofo.write_tiny(folder, 600, 200)

    def read(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (Path(task) / name).read_text(encoding="utf-8").splitlines()]

    return SimpleNamespace(folder=folder, model=model, task=task, train=read("train.jsonl"), rows=read("validation.jsonl"))


@pytest.fixture(scope="session")
def run(tiny: SimpleNamespace) -> zofo.Run:
    return zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "run", **OPTIONS)


@pytest.fixture(scope="session")
def program() -> str:
    """The path of the program, which the package must agree with."""
    path = os.environ.get("ZOFO_PROGRAM")
    if not path:
        pytest.skip("ZOFO_PROGRAM does not name the program")
    return path
