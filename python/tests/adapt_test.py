"""Adaptation to a few examples, replay and token ids: those of the program."""

import ctypes
import json
import math
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import OPTIONS, TASK

import zofo

ADAPT: dict[str, Any] = {"max_steps": 8, "learning_rate": 0.02, "max_eval_samples": 60, "device": "cpu"}
FLAGS = ("--max-steps", "8", "--learning-rate", "0.02", "--max-eval-samples", "60", "--device", "cpu")


def kernels() -> dict[str, str]:
    """The variable with which the program's OpenBLAS takes the kernels of this process. Of equal kernels, and libraries of
    one build, the numbers are equal to the bit."""
    try:
        name = ctypes.CDLL(zofo._core.__file__).openblas_get_corename
    except AttributeError:  # another BLAS
        return {}
    name.restype = ctypes.c_char_p
    return {"OPENBLAS_CORETYPE": name().decode()}


def ran(*arguments: Any, stdin: str = "") -> str:
    done = subprocess.run([str(each) for each in arguments], input=stdin, capture_output=True, text=True, check=False,
                          env={**os.environ, **kernels()})
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def meta(tiny: SimpleNamespace) -> zofo.MetaRun:
    options = {**OPTIONS, "max_steps": 12}
    tasks = [zofo.TaskRows(zofo.Task(prompt=" {text} :", choices=[" no", " yes"], name="same"), tiny.train, tiny.rows)]
    return zofo.meta_train(tiny.model, tasks, out=tiny.folder / "of-adapt", **options)


def as_json(made: list[zofo.Adaptation]) -> list[dict[str, Any]]:
    """The lines that zofo adapt --json prints."""
    return [
        {"task": each.task, "shots" if each.per_class else "examples": each.count, "start": each.start, "seed": one.seed,
         "training_rows": one.examples, "training_loss": one.training_loss, "accuracy": one.scores.accuracy,
         "balanced_accuracy": one.scores.balanced_accuracy, "macro_f1": one.scores.macro_f1, "loss": one.scores.loss,
         "rows": one.scores.examples}
        for each in made for one in each.results
    ]


def test_adapt_agrees_with_the_program(tiny: SimpleNamespace, meta: zofo.MetaRun, program: str) -> None:
    command = (program, "adapt", "--model", tiny.model, "--task", tiny.task, *FLAGS)
    several = zofo.adapt(tiny.model, tiny.task, shots=[1, 4], examples=5, num_seeds=3, seed=7, **ADAPT)
    flags: tuple[Any, ...] = ("--shots", "1,4", "--examples", 5, "--num-seeds", 3, "--seed", 7)
    assert [len(each.results) for each in several] == [3, 3, 3]
    assert as_json(several) == lines(ran(*command, *flags, "--json"))
    assert [str(each) for each in several] == ran(*command, *flags).splitlines()
    starts = zofo.adapt(tiny.model, tiny.task, run=meta, shots=2, start=["zero", "mean", "same"], **ADAPT)
    flags = ("--run", meta.out, "--shots", 2, "--start", "zero,mean,same")
    assert as_json(starts) == lines(ran(*command, *flags, "--json"))
    assert starts[1].results[0].scores.loss == starts[2].results[0].scores.loss  # the mean of one is this one
    [shown] = zofo.adapt(zofo.load(tiny.model, device="cpu"), tiny.task, run=meta.out, shots=2, in_context=True, **ADAPT)
    assert as_json([shown]) == lines(ran(*command, "--run", meta.out, "--shots", 2, "--in-context", "--json"))


def test_adapt_to_rows(tiny: SimpleNamespace) -> None:
    [of_files] = zofo.adapt(tiny.model, tiny.task, shots=4, num_seeds=2, **ADAPT)
    [of_rows] = zofo.adapt(tiny.model, zofo.TaskRows(TASK, tiny.train, tiny.rows), shots=4, num_seeds=2, **ADAPT)
    assert [(r.seed, r.scores.loss) for r in of_rows.results] == [(r.seed, r.scores.loss) for r in of_files.results]
    accuracies = [r.scores.balanced_accuracy for r in of_rows.results]
    assert of_rows.balanced_accuracy == sum(accuracies) / 2
    assert of_rows.standard_error == pytest.approx(abs(accuracies[0] - accuracies[1]) / 2)
    assert all(math.isfinite(r.training_loss) and r.examples == 8 for r in of_rows.results)


def test_adapt_writes_an_adapter(tiny: SimpleNamespace) -> None:
    out = tiny.folder / "adapted"
    [made] = zofo.adapt(tiny.model, tiny.task, examples=8, lora_rank=4, lora_target_modules="q,k,v", out=out, **ADAPT)
    assert {path.name for path in out.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert json.loads((out / "adapter_config.json").read_text())["r"] == 4
    loaded = zofo.load(tiny.model, adapter=out, device="cpu").evaluate(tiny.task, max_eval_samples=60)
    assert loaded.loss == pytest.approx(made.results[0].scores.loss, rel=1e-5)
    with pytest.raises(zofo.Error, match="already exists"):
        zofo.adapt(tiny.model, tiny.task, examples=8, out=out, **ADAPT)


def test_adapt_refuses(tiny: SimpleNamespace, run: zofo.Run, meta: zofo.MetaRun) -> None:
    def fails(match: str, **arguments: Any) -> None:
        with pytest.raises(zofo.Error, match=match):
            zofo.adapt(arguments.pop("model", tiny.model), arguments.pop("task", tiny.task), **arguments)

    fails("^shots or examples: one must be given")
    fails("^start mean: run must name a meta-trained run", shots=1, start="mean")
    fails("^start none: must be zero, mean or the name of an adapter of .*same", shots=1, run=meta, start="none")
    fails("^start mean: its rank, scale", shots=1, run=meta, start=["zero", "mean"], lora_rank=2)
    fails("^out: takes the adapter of one task", shots=[1, 2], out=tiny.folder / "no")
    fails("^out: in-context learning", shots=1, in_context=True, out=tiny.folder / "no")
    fails("^adapt: has no field 'stepz': its fields are .*max_steps", shots=1, stepz=1)
    fails("^shots = -1: must be a whole number", shots=-1)
    fails("^num_seeds = 'x'", shots=1, num_seeds="x")
    fails("shots = 500", shots=500)
    fails("'tiny' is named twice", shots=1, task=[tiny.task, tiny.task])
    fails("^model: is the result of the run", shots=1, model=run.load())
    assert not (tiny.folder / "no").exists()


def test_replay_agrees_with_the_program(tiny: SimpleNamespace, run: zofo.Run, meta: zofo.MetaRun, program: str) -> None:
    for of in (run, meta):
        done = zofo.replay(of)
        [told] = lines(ran(program, "replay", "--model", tiny.model, "--run", of.out, "--json"))
        assert done.verified and done.seconds >= 0 and (done.what, done.hash) == ("theta", told["hash"])
        assert (done.steps, done.verified) == (told["steps"], told["verified"])
    part = zofo.replay(run.out, model=tiny.model, to=3)
    [told] = lines(ran(program, "replay", "--model", tiny.model, "--run", run.out, "--to", 3, "--json"))
    assert (part.hash, part.steps, part.verified) == (told["hash"], 3, False)


def test_replay_refuses(tiny: SimpleNamespace, run: zofo.Run) -> None:
    other = tiny.folder / "another.gguf"
    content = bytearray(Path(tiny.model).read_bytes())
    content[-4] ^= 1  # a bit of the last weight
    other.write_bytes(content)
    with pytest.raises(zofo.Error, match="another.gguf: fingerprint"):
        zofo.replay(run, model=other)
    with pytest.raises(zofo.Error, match="41"):
        zofo.replay(run, to=41)
    with pytest.raises(zofo.Error, match="^to = -1: must be a whole number"):
        zofo.replay(run, to=-1)
    with pytest.raises(zofo.Error, match="nothing"):
        zofo.replay(tiny.folder / "nothing", model=tiny.model)


def test_tokenize_agrees_with_the_program(tiny: SimpleNamespace, run: zofo.Run, program: str) -> None:
    texts = ["a superb river", "", " awful  stone\n seven", "é 漢字 🙂", "</s> and <s>", "a\x00b"]
    model = run.load()
    for special, flags in ((False, ()), (True, ("--special",))):
        stdin = "".join(json.dumps(text) + "\n" for text in texts)
        wanted = [json.loads(line) for line in
                  ran(program, "tokenize", "--model", tiny.model, "--json", *flags, stdin=stdin).splitlines()]
        assert model.tokenize(texts, special=special) == wanted
    assert model.tokenize("a superb river") == model.tokenize(["a superb river"]) and model.tokenize([]) == []
