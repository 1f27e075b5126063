"""Predictions and their metrics."""

import json
import math
import subprocess
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import TASK

import zofo


def test_predict_agrees_with_evaluate(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load()
    unlabelled = [{"text": row["text"]} for row in tiny.rows]
    predictions = model.predict(TASK, unlabelled)
    assert predictions.metrics is None and all(p.correct is None for p in predictions)
    right = [p.label == str(row["label"]) for p, row in zip(predictions, tiny.rows)]
    scores = model.evaluate(TASK, tiny.rows)
    assert sum(right) / len(right) == scores.accuracy
    losses = [-math.log(p.probabilities[row["label"]]) for p, row in zip(predictions, tiny.rows)]
    assert math.isclose(sum(losses) / len(losses), scores.loss, rel_tol=1e-6)
    assert {p.text for p in predictions} == {"no", "yes"}
    assert [p.choice for p in model.predict(tiny.task, unlabelled)] == [p.choice for p in predictions]
    with pytest.raises(zofo.Error, match="rows:1: .*text"):
        model.predict(TASK, [{"words": "a"}])
    with pytest.raises(zofo.Error, match="on_error = 'skip': must be"):
        model.predict(TASK, unlabelled, on_error="skip")  # type: ignore[arg-type]


def test_predict_gives_metrics_of_labelled_rows(tiny: SimpleNamespace, run: zofo.Run) -> None:
    rows = [{**row, "error": 1, "correct": "mine", "id": i} for i, row in enumerate(tiny.rows)]
    wrong = {*range(0, 200, 7)}
    for i in wrong:  # the model knows the task: without wrong labels every figure would be 1
        rows[i]["label"] = 1 - rows[i]["label"]
    model = run.load()
    predictions = model.predict(TASK, [*rows, {"text": "unlabelled"}])
    assert [p.row for p in predictions[:-1]] == rows and predictions[-1].row == {"text": "unlabelled"}
    assert predictions[-1].correct is None and predictions[0].error == ""
    assert isinstance(predictions, Sequence) and len(predictions) == 201 and predictions[0] == predictions.rows[0]
    pairs = [(row["label"], p.choice) for row, p in zip(rows, predictions)]
    assert [p.correct for p in predictions[:-1]] == [a == b for a, b in pairs]
    metrics = predictions.metrics
    assert metrics is not None and metrics.labelled == 200 and metrics.exact_match is None
    confusion = tuple(tuple(pairs.count((a, b)) for b in (0, 1)) for a in (0, 1))
    assert metrics.confusion == confusion and confusion[0][1] and confusion[1][0]
    recalls = [confusion[c][c] / sum(confusion[c]) for c in (0, 1)]
    precisions = [confusion[c][c] / (confusion[0][c] + confusion[1][c]) for c in (0, 1)]
    f1 = [2 * p * r / (p + r) for p, r in zip(precisions, recalls)]
    assert metrics.accuracy == (confusion[0][0] + confusion[1][1]) / 200
    assert metrics.balanced_accuracy == pytest.approx(sum(recalls) / 2, rel=1e-12)
    assert metrics.macro_f1 == pytest.approx(sum(f1) / 2, rel=1e-12)
    assert [c.name for c in metrics.classes] == ["no", "yes"]
    for c, (precision, recall, value) in zip(metrics.classes, zip(precisions, recalls, f1)):
        assert (c.precision, c.recall, c.f1) == pytest.approx((precision, recall, value), rel=1e-12)
    loss = sum(-math.log(p.probabilities[label]) for p, (label, _) in zip(predictions, pairs)) / 200
    assert metrics.loss == pytest.approx(loss, rel=1e-6)


def test_predict_takes_rows_of_every_kind(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model, rows = run.load(), tiny.rows[:12]
    wanted = [(p.choice, p.scores, p.correct) for p in model.predict(TASK, rows)]
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    datasets = pytest.importorskip("datasets")
    kinds = (iter(rows), pandas.DataFrame(rows), pyarrow.Table.from_pylist(rows), datasets.Dataset.from_list(rows))
    for each in kinds:
        assert [(p.choice, p.scores, p.correct) for p in model.predict(TASK, each)] == wanted
    missing = pandas.DataFrame([*rows, {"text": "no label"}])  # a column of floats, with NaN
    predictions = model.predict(TASK, missing)
    assert [(p.choice, p.correct) for p in predictions[:-1]] == [(c, r) for c, _, r in wanted]
    assert predictions[-1].correct is None and predictions.metrics and predictions.metrics.labelled == 12


def test_predict_agrees_with_the_program(tiny: SimpleNamespace, run: zofo.Run, program: str) -> None:
    definitions = {
        "choice": 'prompt = " {text} :"\noptions = [" no", " yes"]\nlabel_field = "label"\n[label_map]\n0 = 0\n1 = 1\n',
        "candidates": 'kind = "candidates"\nprompt = "{text} is"\ncandidates_field = "words"\nlabel_field = "right"\n'
                      'continuation = " {candidate}"\n',
        "generate": 'kind = "generate"\nprompt = "{text} is"\nanswers_field = "answers"\n'
                    'continuation = " {answer}"\nmax_new_tokens = 4\n',
    }
    rows: dict[str, list[dict[str, Any]]] = {
        "choice": [*tiny.rows[:20], {"text": " a superb river"}, {"txt": 1}],
        "candidates": [{"text": " a", "words": ["river", "stone", "sky"], "right": 2}, {"text": " b", "words": ["x", "y"]},
                       {"text": " c", "words": []}],
        "generate": [{"text": " stone", "answers": ["river", "the sea"], "id": "a"}, {"text": " a"}, {"text": 3.5}],
    }
    model = run.load()
    for kind, definition in definitions.items():
        folder = tiny.folder / f"task-{kind}"
        folder.mkdir()
        (folder / "task.toml").write_text(f'name = "{kind}"\n{definition}')
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[kind]))
        done = subprocess.run(
            [program, "predict", folder / "rows.jsonl", "--run", run.out, "--task", folder, "--device", "cpu",
             "--metrics", folder / "metrics.json"], capture_output=True, text=True, check=False)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        predictions = model.predict(folder, rows[kind], on_error="keep")
        assert len(answers) == len(predictions) == len(rows[kind]), done.stderr
        for answer, p in zip(answers, predictions):
            assert bool(p.error) == ("error" in answer)
            if p.error:
                assert answer["error"].endswith(p.error.removeprefix("rows"))
            elif kind == "generate":
                assert (p.text, p.end, p.tokens, p.exact_match, p.f1) == (
                    answer["text"], answer["end"], answer["tokens"], answer.get("exact_match"), answer.get("f1"))
            else:
                assert (p.text, p.choice, list(p.choices), p.correct) == (
                    answer["answer"], answer["index"], answer["choices"], answer.get("correct"))
                assert p.scores == pytest.approx(answer["scores"], abs=1e-5)
                assert p.probabilities == pytest.approx(answer["probabilities"], abs=1e-5)
        wanted = json.loads((folder / "metrics.json").read_text())
        metrics = predictions.metrics
        assert metrics is not None and metrics.labelled == wanted["labelled"]
        for name in ("accuracy", "macro_f1", "balanced_accuracy", "loss", "exact_match", "f1"):
            value = wanted.get(name)
            assert getattr(metrics, name) == (None if value is None else pytest.approx(value, abs=1e-6)), (kind, name)
        assert [list(line) for line in metrics.confusion] == wanted.get("confusion", [])


def test_a_run_folder_is_enough(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = zofo.load(run=run.out, device="cpu")
    assert model.path == run.model
    assert model.evaluate(max_eval_samples=100).loss == run.scores.loss
    texts = [{"text": row["text"]} for row in tiny.rows[:5]]
    assert [p.scores for p in model.predict(None, texts)] == [p.scores for p in run.load().predict(tiny.task, texts)]
    with pytest.raises(zofo.Error, match="task: must be given, or run, whose folder holds its task"):
        zofo.load(tiny.model).predict(None, texts)
    with pytest.raises(zofo.Error, match="model: must be given, or run"):
        zofo.load()
    with pytest.raises(zofo.Error, match='split = "train": must be validation or test'):
        model.evaluate(split="train")
    other = tiny.folder / "other.gguf"
    zofo.export(tiny.model, other, run=run, format="gguf", merge=True)
    with pytest.warns(UserWarning, match="its weights are not those that the run"):
        zofo.load(other, run=run.out)
