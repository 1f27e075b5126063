"""Models for other programs, and a generated model."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zofo import _core
from zofo.models import Model
from zofo.runs import Run
from zofo.tasks import Pathlike


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    out: str
    """Path of the result."""
    what: str
    """Description of the result, for example "a GGUF file (f32)"."""
    warning: str
    """What the output lacks; empty if there is nothing."""


def export(
    model: Pathlike | Model,
    out: Pathlike,
    *,
    run: Pathlike | Run | None = None,
    adapter: Pathlike | None = None,
    format: str = "hf",
    dtype: str = "f32",
    merge: bool = False,
    no_tokenizer: bool = False,
    without_backbone: bool = False,
) -> Exported:
    """Writes a model, or the result of a run, for other programs.

    `format`: hf (a folder for transformers), gguf (a file for llama.cpp), peft (the adapter) or gguf-lora (a LoRA for
    llama.cpp). `dtype`: f32 or bf16; for gguf also f16, q8_0, q6_k, q4_k_m and q4_0. `adapter` is a folder in peft's
    format, or a GGUF file of a LoRA, that takes the place of the run's adapter. `merge` merges the adapter, a LoRA or
    DoRA, into the weights. `no_tokenizer` omits the tokenizer's files from a folder. `without_backbone` writes only the
    adapter of a run that also updated the backbone. Raises zofo.Error naming the option at fault.
    """
    source = model.path if isinstance(model, Model) else os.fspath(model)
    if run is None and isinstance(model, Model):
        run = model.run
    folder = run.out if isinstance(run, Run) else ("" if run is None else os.fspath(run))
    given = "" if adapter is None else os.fspath(adapter)
    what, warning = _core.export_model(
        source, folder, given, os.fspath(out), format, dtype, merge, no_tokenizer, without_backbone
    )
    return Exported(os.fspath(out), what, warning)


def write_tiny(folder: Pathlike, train: int = 1000, validation: int = 400) -> tuple[str, str]:
    """Writes a small generated model and task into a new folder; returns their paths. Needs no download."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    model, task = str(place / "tiny.gguf"), str(place / "tiny_task")
    _core.write_tiny_model(model)
    _core.write_tiny_task(task, train, validation)
    return model, task
