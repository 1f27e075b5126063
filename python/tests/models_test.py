"""Whole runs of a tiny model: fine-tuning, scores, generation, export."""

import math
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import OPTIONS, TASK

import zofo


def test_finetune(tiny: SimpleNamespace, run: zofo.Run) -> None:
    before = zofo.load(tiny.model, device="cpu").evaluate(tiny.task, max_eval_samples=100)
    assert 0.3 < before.accuracy < 0.7
    assert run.scores.accuracy > 0.95 and run.scores.loss < before.loss / 2
    assert run.steps == 40 and run.method == "bilevel" and run.scores.examples == 100
    assert (Path(run.out) / "done").exists()
    after = run.load().evaluate(tiny.task, max_eval_samples=100)
    assert (after.loss, after.accuracy, after.macro_f1) == (run.scores.loss, run.scores.accuracy, run.scores.macro_f1)
    assert after.balanced_accuracy == run.scores.balanced_accuracy
    assert {event["event"] for event in run.events()} >= {"step", "curve"}


def test_rows_give_the_same_run(tiny: SimpleNamespace, run: zofo.Run) -> None:
    from_rows = zofo.finetune(zofo.load(tiny.model, device="cpu"), TASK, train=tiny.train, validation=tiny.rows, out=tiny.folder / "rows",
                              **OPTIONS)
    assert (from_rows.scores.loss, from_rows.steps) == (run.scores.loss, run.steps)


def test_evaluate_rows(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load()
    of_files = model.evaluate(tiny.task)
    assert model.evaluate(TASK, tiny.rows).loss == of_files.loss
    with pytest.raises(zofo.Error, match="demonstrations: need train rows"):
        model.evaluate(TASK, tiny.rows, demonstrations=2)
    assert math.isfinite(model.evaluate(TASK, tiny.rows, train=tiny.train, demonstrations=2).loss)


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
    samples = model.generate([prompt, " a"], max_new_tokens=8, temperature=1.5, top_k=50, num_return_sequences=3, seed=1)
    assert [each.sample for each in samples] == [0, 1, 2] * 2 and len({each.text for each in samples}) > 2
    again = model.generate([prompt, " a"], max_new_tokens=8, temperature=1.5, top_k=50, seed=1, batch_size=1)
    assert [each.text for each in again] == [samples[0].text, samples[3].text]
    [one, both] = (model.generate(prompt, max_new_tokens=8, stop=stop)[0] for stop in (expected, ["none", expected]))
    assert one == both and one.end == "stop"
    with pytest.raises(zofo.Error, match="top_p = 0.5: has no effect at temperature 0"):
        model.generate(prompt, top_p=0.5)
    with pytest.raises(zofo.Error, match=r"prompts\[1\]"):
        model.generate([prompt, ""])
    with pytest.raises(zofo.Error, match="max-new-tokens 0: must be between 1 and"):
        model.generate(prompt, max_new_tokens=0)


def test_export(tiny: SimpleNamespace, run: zofo.Run) -> None:
    out = tiny.folder / "tuned.gguf"
    exported = zofo.export(tiny.model, out, run=run, format="gguf", merge=True)
    assert exported.what == "a GGUF file (f32)"
    merged = zofo.load(out, device="cpu").evaluate(tiny.task, max_eval_samples=100)
    assert math.isclose(merged.loss, run.scores.loss, rel_tol=1e-3, abs_tol=1e-5)
    with pytest.raises(zofo.Error, match='format = "x": must be one of hf, gguf, peft'):
        zofo.export(tiny.model, tiny.folder / "x", format="x")


def test_curve(tiny: SimpleNamespace, run: zofo.Run) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    axes = run.plot()
    assert len(axes.lines) == 1 and len(axes.lines[0].get_xdata()) >= 2


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
    fails("validation: no rows", max_steps=1, train=[{"text": "a", "label": 0}])
    fails("data: not together with rows", max_steps=1, data=tiny.task, train=tiny.train, validation=tiny.rows)
    fails("label", max_steps=1, train=[{"text": "a", "label": 7}], validation=tiny.rows)
    with pytest.raises(zofo.Error, match="nothing.gguf"):
        zofo.load(tiny.folder / "nothing.gguf")
    with pytest.raises(zofo.Error, match="neither a folder with a task.toml nor a task"):
        zofo.load(tiny.model, device="cpu").evaluate("nothing", data=tiny.folder)


def test_ctrl_c_ends_scoring(tiny: SimpleNamespace) -> None:
    model = zofo.load(tiny.model, device="cpu")
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


def test_package(tiny: SimpleNamespace) -> None:
    assert {"max_steps", "lora_rank", "direction"} <= zofo.options().keys()
    assert (Path(zofo.__file__).parent / "py.typed").exists()
    assert (Path(zofo.__file__).parent / "tasks" / "sst2" / "task.toml").exists()
    assert all(getattr(zofo, name).__doc__ for name in zofo.__all__ if name != "__version__")
