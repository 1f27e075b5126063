"""Runs of several kinds: resumed, from an adapter, over several tasks."""

import math
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import OPTIONS

import zofo


def test_compare(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "max_steps": 5}
    del few["lower_learning_rate"], few["upper_learning_rate"]
    table = zofo.compare(tiny.model, tiny.task, ["lora", "mezo"], seeds=[0, 1], out=tiny.folder / "compared", **few)
    assert [m.method for m in table.methods] == ["lora", "mezo"] and all(len(m.runs) == 2 for m in table.methods)
    mean = sum(r.scores.accuracy for r in table.methods[0].runs) / 2
    assert table.methods[0].mean == mean and "lora" in str(table)
    assert (tiny.folder / "compared" / "mezo-1" / "done").exists()


def test_without_a_budget_a_run_takes_three_epochs(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "method": "mezo", "max_train_samples": 48, "batch_size": 8, "max_steps": 0}
    del few["lower_learning_rate"], few["upper_learning_rate"]
    assert zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "epochs", **few).steps == 3 * 48 // 8


def test_progress(tiny: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []
    few = {**OPTIONS, "max_steps": 3}
    zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "p1", **{**few, "progress": seen.append})
    steps = [each for each in seen if isinstance(each, zofo.Progress)]
    assert steps and steps[0].step == 1 and "step 1" in str(steps[0]) and any(isinstance(each, str) for each in seen)
    assert capsys.readouterr().err == ""
    zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "p2", **{**few, "progress": True})
    assert "bilevel: step 1" in capsys.readouterr().err

    def failing(what: Any) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "p3", **{**few, "progress": failing})


def test_interrupt_and_resume(tiny: SimpleNamespace, run: zofo.Run) -> None:
    out = tiny.folder / "interrupted"

    def stop(what: Any) -> None:
        if isinstance(what, zofo.Progress) and what.step >= 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        zofo.finetune(tiny.model, tiny.task, out=out, **{**OPTIONS, "progress": stop})
    assert out.exists() and not (out / "done").exists()
    resumed = zofo.resume(out, progress=False)
    assert (resumed.scores.loss, resumed.steps, resumed.model) == (run.scores.loss, run.steps, run.model)
    with pytest.raises(zofo.Error, match="the run is finished, after 40 steps"):
        zofo.resume(out, progress=False)
    with pytest.raises(zofo.Error, match="lora_rank"):
        zofo.resume(out, progress=False, lora_rank=4)


def test_checkpoints_and_tracking(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "max_steps": 12, "keep_checkpoints": 3, "eval_steps": 4, "curve_points": 4,
           "csv": True, "tensorboard": True}
    made = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "kept", **few)
    files = {path.name for path in Path(made.out).iterdir()}
    assert any(name.endswith(".csv") for name in files) and any("tfevents" in name for name in files)
    assert made.selection and made.scoring_seconds > 0
    steps = [int(each.rsplit("-", 1)[1]) for each in made.checkpoints()]
    assert steps and steps == sorted(steps) and steps[0] < 12
    resumed = zofo.resume(made.out, from_step=steps[0], progress=False)
    assert (resumed.steps, resumed.scores.loss) == (12, made.scores.loss)
    with pytest.raises(zofo.Error, match="has no such checkpoint"):
        zofo.resume(made.out, from_step=11, progress=False)
    with pytest.raises(zofo.Error, match="from_step = -1: must be a whole number"):
        zofo.resume(made.out, from_step=-1, progress=False)


def test_start_adapter(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "method": "lora", "max_steps": 30}
    del few["upper_learning_rate"], few["zo_learning_rate"]
    first = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "first", lora_rank=4, **few)
    adapter = Path(first.out) / "adapter"
    alone = zofo.load(tiny.model, adapter=adapter, device="cpu")
    assert alone.config["adapter"] and alone.evaluate(tiny.task, max_eval_samples=100).loss == first.scores.loss
    with pytest.raises(zofo.Error, match="start_adapter"):
        zofo.finetune(alone, tiny.task, out=tiny.folder / "no", **few)
    # A step of rate 0 changes nothing: the run's score is that of the adapter it starts from.
    still = {**few, "max_steps": 1, "lower_learning_rate": 1e-12}
    second = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "second", start_adapter=adapter, **still)
    assert math.isclose(second.scores.loss, first.scores.loss, rel_tol=1e-4)
    prefix = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "prefix", **{**few, "method": "prefix", "max_steps": 2})
    # The adapter's kind selects the method of the family.
    third = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "third", **{
        **few, "method": "lora", "max_steps": 1, "start_adapter": Path(prefix.out) / "adapter"})
    assert third.method == "prefix"
    with pytest.raises(zofo.Error, match="is of kind prefix"):
        zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "no", **{
            **few, "adapter": "lora", "start_adapter": Path(prefix.out) / "adapter"})


def test_meta_train(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "max_steps": 20}
    swapped = zofo.Task(prompt=" {text} :", choices=[" no", " yes"], labels={1: 0, 0: 1}, name="swapped")
    tasks = [zofo.TaskRows(zofo.Task(prompt=" {text} :", choices=[" no", " yes"], name="same"), tiny.train, tiny.rows),
             zofo.TaskRows(swapped, tiny.train, tiny.rows)]
    out = tiny.folder / "meta"
    made = zofo.meta_train(tiny.model, tasks, out=out, **few)
    assert [each.name for each in made.tasks] == ["same", "swapped"] and made.steps == 20
    assert all(each.loss < each.loss_before for each in made.tasks)
    assert (out / "adapters" / "swapped").is_dir() and made.events()
    with pytest.raises(zofo.Error, match="is a run of meta-train: resume it by zofo.resume_meta_train"):
        zofo.resume(out, max_steps=22, progress=False)
    longer = zofo.resume_meta_train(out, tasks=tasks, max_steps=22, progress=False)
    assert longer.steps == 22 and longer.model == made.model
    with pytest.raises(zofo.Error, match="data: not together with rows"):
        zofo.meta_train(tiny.model, tasks, out=tiny.folder / "no", data=tiny.folder, **few)
    with pytest.raises(zofo.Error, match="tasks = .*: must be a list"):
        zofo.meta_train(tiny.model, tiny.task, out=tiny.folder / "no", **few)
