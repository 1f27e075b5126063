"""Whole runs of a tiny model: fine-tuning, scores, generation, export, rows of several kinds."""

import json
import math
import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zofo
from zofo.rows import to_dicts, to_json_lines

OPTIONS: dict[str, Any] = {
    "max_steps": 40, "lower_learning_rate": 0.01, "upper_learning_rate": 0.01, "zo_learning_rate": 1e-4,
    "max_eval_samples": 100, "progress": False,
}
TASK = zofo.Task(prompt=" {text} :", choices=[" no", " yes"], name="tiny")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("tiny")
    model, task = zofo.write_tiny(folder, 600, 200)

    def read(name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (Path(task) / name).read_text(encoding="utf-8").splitlines()]

    return SimpleNamespace(folder=folder, model=model, task=task, train=read("train.jsonl"), rows=read("validation.jsonl"))


@pytest.fixture(scope="module")
def run(tiny: SimpleNamespace) -> zofo.Run:
    return zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "run", **OPTIONS)


def test_finetune(tiny: SimpleNamespace, run: zofo.Run) -> None:
    before = zofo.load(tiny.model).evaluate(tiny.task, max_eval_samples=100)
    assert 0.3 < before.accuracy < 0.7
    assert run.scores.accuracy > 0.95 and run.scores.loss < before.loss / 2
    assert run.steps == 40 and run.method == "bilevel" and run.scores.examples == 100
    assert (Path(run.out) / "done").exists()
    after = run.load().evaluate(tiny.task, max_eval_samples=100)
    assert (after.loss, after.accuracy, after.macro_f1) == (run.scores.loss, run.scores.accuracy, run.scores.macro_f1)
    assert after.balanced_accuracy == run.scores.balanced_accuracy
    assert {event["event"] for event in run.events()} >= {"step", "curve"}


def test_rows_give_the_same_run(tiny: SimpleNamespace, run: zofo.Run) -> None:
    from_rows = zofo.finetune(zofo.load(tiny.model), TASK, train=tiny.train, validation=tiny.rows, out=tiny.folder / "rows",
                              **OPTIONS)
    assert (from_rows.scores.loss, from_rows.steps) == (run.scores.loss, run.steps)


def test_evaluate_rows(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load()
    of_files = model.evaluate(tiny.task)
    assert model.evaluate(TASK, tiny.rows).loss == of_files.loss
    with pytest.raises(zofo.Error, match="demonstrations: need train rows"):
        model.evaluate(TASK, tiny.rows, demonstrations=2)
    assert math.isfinite(model.evaluate(TASK, tiny.rows, train=tiny.train, demonstrations=2).loss)


def test_predict_agrees_with_evaluate(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load()
    unlabelled = [{"text": row["text"]} for row in tiny.rows]
    predictions = model.predict(TASK, unlabelled)
    right = [p.label == str(row["label"]) for p, row in zip(predictions, tiny.rows)]
    scores = model.evaluate(TASK, tiny.rows)
    assert sum(right) / len(right) == scores.accuracy
    losses = [-math.log(p.probabilities[row["label"]]) for p, row in zip(predictions, tiny.rows)]
    assert math.isclose(sum(losses) / len(losses), scores.loss, rel_tol=1e-6)
    assert {p.text for p in predictions} == {"no", "yes"}
    assert [p.choice for p in model.predict(tiny.task, unlabelled)] == [p.choice for p in predictions]
    with pytest.raises(zofo.Error, match="text"):
        model.predict(TASK, [{"words": "a"}])


def test_score_and_generate(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load()
    prompt = f" {tiny.rows[0]['text']} :"
    scores = model.score([(prompt, [" no", " yes"]), (prompt, [" yes yes", " no"])])
    assert scores[0].best == tiny.rows[0]["label"] and scores[0].tokens == (1, 1) and scores[1].tokens == (2, 1)
    expected = TASK.choices[scores[0].best]
    texts: list[str] = []
    [generation] = model.generate(prompt, max_new_tokens=1, on_text=lambda i, text: texts.append(text))
    assert (generation.text, generation.tokens, generation.end) == (expected, 1, "length")
    assert len(texts) == 1
    assert model.generate([]) == []
    with pytest.raises(zofo.Error, match=r"prompts\[1\]"):
        model.generate([prompt, ""])
    with pytest.raises(zofo.Error, match="max-new-tokens 0: must be between 1 and"):
        model.generate(prompt, max_new_tokens=0)


def test_export(tiny: SimpleNamespace, run: zofo.Run) -> None:
    out = tiny.folder / "tuned.gguf"
    exported = zofo.export(tiny.model, out, run=run, format="gguf", merge=True)
    assert exported.what == "a GGUF file (f32)"
    merged = zofo.load(out).evaluate(tiny.task, max_eval_samples=100)
    assert math.isclose(merged.loss, run.scores.loss, rel_tol=1e-3, abs_tol=1e-5)
    with pytest.raises(zofo.Error, match='format = "x": must be one of hf, gguf, peft'):
        zofo.export(tiny.model, tiny.folder / "x", format="x")


def test_compare(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "max_steps": 5}
    del few["lower_learning_rate"], few["upper_learning_rate"]
    table = zofo.compare(tiny.model, tiny.task, ["lora", "mezo"], seeds=[0, 1], out=tiny.folder / "compared", **few)
    assert [m.method for m in table.methods] == ["lora", "mezo"] and all(len(m.runs) == 2 for m in table.methods)
    mean = sum(r.scores.accuracy for r in table.methods[0].runs) / 2
    assert table.methods[0].mean == mean and "lora" in str(table)
    assert (tiny.folder / "compared" / "mezo-1" / "done").exists()


def test_curve(tiny: SimpleNamespace, run: zofo.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    axes = run.plot()
    assert len(axes.lines) == 1 and len(axes.lines[0].get_xdata()) >= 2


def test_without_a_budget_a_run_takes_three_epochs(tiny: SimpleNamespace) -> None:
    few = {**OPTIONS, "method": "mezo", "max_train_samples": 48, "batch_size": 8, "max_steps": 0}
    del few["lower_learning_rate"], few["upper_learning_rate"]
    assert zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "epochs", **few).steps == 3 * 48 // 8


def test_bad_arguments(tiny: SimpleNamespace) -> None:
    def fails(match: str, **arguments: Any) -> None:
        with pytest.raises(zofo.Error, match=match):
            zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "bad", progress=False, **arguments)
        assert not (tiny.folder / "bad").exists()

    fails("max_stepz: is no option of a run", max_stepz=1)
    fails("lora_rank", max_steps=1, lora_rank=0)
    fails("lora_rank", max_steps=1, lora_rank="many")
    fails('method = "x"|method', max_steps=1, method="x")
    fails("max_steps", max_steps=-1)
    fails("epochs", epochs=-1)
    fails('device = "cuda": the Python package computes on the CPU', max_steps=1, device="cuda")
    fails("validation: no rows", max_steps=1, train=[{"text": "a", "label": 0}])
    fails("data: not together with rows", max_steps=1, data=tiny.task, train=tiny.train, validation=tiny.rows)
    fails("label", max_steps=1, train=[{"text": "a", "label": 7}], validation=tiny.rows)
    with pytest.raises(zofo.Error, match="nothing.gguf"):
        zofo.load(tiny.folder / "nothing.gguf")
    with pytest.raises(zofo.Error, match="neither a folder with a task.toml nor a task"):
        zofo.load(tiny.model).evaluate("nothing", data=tiny.folder)


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


def test_ctrl_c_ends_scoring(tiny: SimpleNamespace) -> None:
    model = zofo.load(tiny.model)
    requests = [("a b c", [" no", " yes"])] * 200_000
    threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        model.score(requests)
    with pytest.raises(KeyboardInterrupt):
        threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT)).start()
        for _ in range(10_000):
            model.generate("a b c", max_new_tokens=100)
    assert time.monotonic() - start < 60


def test_rows_of_several_kinds() -> None:
    plain = [{"text": "a", "label": 0}, {"text": "é", "label": 1}]
    want = to_json_lines(plain)
    assert want[1] == '{"text": "é", "label": 1}'
    assert to_json_lines(iter(plain)) == want
    assert to_json_lines([{"text": "a", "label": np.int64(0)}, {"text": "é", "label": np.int32(1)}]) == want
    pandas = pytest.importorskip("pandas")
    assert to_json_lines(pandas.DataFrame(plain)) == want
    assert json.loads(to_json_lines(pandas.DataFrame({"x": [1.5, None]}))[1]) == {"x": None}
    pyarrow = pytest.importorskip("pyarrow")
    assert to_json_lines(pyarrow.Table.from_pylist(plain)) == want

    class Split:  # as datasets.Dataset: a sequence of dicts
        features = {"text": str}

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Any:
            return iter(plain)

    assert to_json_lines(Split()) == want


def test_bad_rows() -> None:
    for rows, message in (
        ("text", "rows: str: must be a list of dicts"), ({"train": []}, "a dict of splits"), (3, "rows: int"),
        ([{"a": 1}, ["b"]], "rows:2: list: must be a dict"), ([{"a": object()}], "rows:1: object is not a text"),
        ([{"a": math.inf}], "rows:1: "), ([], "rows: none"),
    ):
        with pytest.raises(zofo.Error) as caught:
            to_json_lines(rows)
        assert message in str(caught.value)
    assert list(to_dicts([{"a": 1}])) == [{"a": 1}]


def test_task_text() -> None:
    toml = zofo.Task(prompt='"{text}"\n', choices=[" a", "\tb"], labels={True: 1, "no": 0}, more='metric = "macro_f1"').toml()
    assert toml == (
        'name = "task"\nprompt = "\\"{text}\\"\\n"\noptions = [" a", "\\tb"]\nlabel_field = "label"\n'
        'metric = "macro_f1"\n[label_map]\n"true" = 1\n"no" = 0\n'
    )


def test_package(tiny: SimpleNamespace) -> None:
    assert {"max_steps", "lora_rank", "direction"} <= zofo.options().keys()
    assert (Path(zofo.__file__).parent / "py.typed").exists()
    assert (Path(zofo.__file__).parent / "tasks" / "sst2" / "task.toml").exists()
    assert all(getattr(zofo, name).__doc__ for name in zofo.__all__ if name != "__version__")
