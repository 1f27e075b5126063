"""Devices and precisions: what cannot be had is refused, and a GPU computes what the CPU does."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import OPTIONS, TASK

import zofo

FEW: dict[str, Any] = {**OPTIONS, "max_steps": 5}
# The largest distance of a loss or a log-probability x in fp32 on a GPU from the CPU's, in units of 1 + |x|: sums of at
# most 64 products in another order.
NEAR = 1e-4


def near(x: float) -> Any:
    return pytest.approx(x, rel=NEAR, abs=NEAR)


@pytest.fixture(scope="session")
def gpu(tiny: SimpleNamespace) -> None:
    """Skips a test with the reason where no GPU can be used."""
    try:
        zofo.load(tiny.model, device="cuda", precision="fp32")
    except zofo.Error as error:
        if not str(error).startswith('device = "cuda":'):
            raise
        pytest.skip(str(error))


def test_names(tiny: SimpleNamespace) -> None:
    with pytest.raises(zofo.Error, match='device = "gpu": must be one of auto, cpu, cuda'):
        zofo.load(tiny.model, device="gpu")
    with pytest.raises(zofo.Error, match='precision = "fp16": must be one of auto, bf16, fp32'):
        zofo.load(tiny.model, precision="fp16")
    with pytest.raises(zofo.Error, match='precision = "bf16": needs a GPU: the CPU computes only in fp32'):
        zofo.load(tiny.model, device="cpu", precision="bf16")
    for bad in ({"device": "gpu"}, {"precision": "fp16"}, {"device": "cpu", "precision": "bf16"}):
        with pytest.raises(zofo.Error, match=rf"^(options:\d+: )?{list(bad)[-1]} = "):
            zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "bad", **{**FEW, "device": "auto", **bad})
        with pytest.raises(zofo.Error, match=f"^{list(bad)[-1]} = "):
            zofo.adapt(tiny.model, tiny.task, shots=1, **bad)  # type: ignore[arg-type]
    assert not (tiny.folder / "bad").exists()


def test_the_cpu(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = zofo.load(tiny.model, device="cpu")
    assert (model.device, model.precision) == ("cpu", "fp32") and "device='cpu'" in repr(model)
    assert (run.device, run.precision) == ("cpu", "fp32") == (run.load().device, run.load().precision)
    recorded = (Path(run.out) / "options.toml").read_text()
    assert "device = 'cpu'" in recorded and "precision = 'fp32'" in recorded


def test_a_gpu_that_is_not_there(tiny: SimpleNamespace) -> None:
    """Without a GPU "auto" takes the CPU, and "cuda" and "bf16" are errors with the same reason."""
    try:
        zofo.load(tiny.model, device="cuda", precision="fp32")
    except zofo.Error as error:
        message = str(error)
    else:
        pytest.skip("there is a GPU here")
    assert message.startswith('device = "cuda": ')
    reason = message.removeprefix('device = "cuda": ')
    assert zofo.load(tiny.model).device == "cpu"
    with pytest.raises(zofo.Error) as caught:
        zofo.load(tiny.model, precision="bf16")
    assert str(caught.value) == f'precision = "bf16": needs a GPU: {reason}'
    out = tiny.folder / "no-gpu"
    same = zofo.TaskRows(TASK, tiny.train, tiny.rows)
    calls: list[Any] = [
        lambda: zofo.finetune(tiny.model, tiny.task, out=out, **{**FEW, "device": "cuda"}),
        lambda: zofo.meta_train(tiny.model, [same], out=out, **{**FEW, "device": "cuda"}),
        lambda: zofo.compare(tiny.model, tiny.task, ["mezo"], out=out, device="cuda", max_steps=1, progress=False),
        lambda: zofo.adapt(tiny.model, tiny.task, shots=1, device="cuda"),
    ]
    for call in calls:
        with pytest.raises(zofo.Error) as caught:
            call()
        assert str(caught.value) == message
    assert not out.exists()
    made = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / "auto", **{**FEW, "device": "auto"})
    assert (made.device, made.precision) == ("cpu", "fp32")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_scores_as_the_cpu(tiny: SimpleNamespace, run: zofo.Run) -> None:
    cpu, cuda = run.load(), run.load(device="cuda", precision="fp32")
    assert (cuda.device, cuda.precision) == ("cuda", "fp32") and cuda.config == cpu.config
    one, other = cpu.evaluate(TASK, tiny.rows), cuda.evaluate(TASK, tiny.rows)
    assert other.loss == near(one.loss) and abs(other.accuracy - one.accuracy) <= 1 / len(tiny.rows)
    requests = [(f" {row['text']} :", [" no", " yes yes"]) for row in tiny.rows[:20]]
    for a, b in zip(cpu.score(requests), cuda.score(requests)):
        assert b.tokens == a.tokens and b.logprobs == tuple(near(x) for x in a.logprobs)
    for p, q in zip(cpu.predict(TASK, tiny.rows[:20]), cuda.predict(TASK, tiny.rows[:20])):
        assert q.scores == tuple(near(x) for x in p.scores)
    assert len(cuda.generate([prompt for prompt, _ in requests], max_new_tokens=4)) == 20
    assert cuda.tokenize(["a superb river"]) == cpu.tokenize(["a superb river"])


@pytest.mark.usefixtures("gpu")
def test_a_gpu_in_bf16(tiny: SimpleNamespace, run: zofo.Run) -> None:
    model = run.load(device="cuda")
    assert (model.device, model.precision) == ("cuda", "bf16")
    # Weights and activations have 8 bits: losses of a learned task stay within a few hundredths.
    assert model.evaluate(TASK, tiny.rows).loss == pytest.approx(run.load().evaluate(TASK, tiny.rows).loss, abs=0.1)


@pytest.mark.usefixtures("gpu")
def test_a_gpu_trains(tiny: SimpleNamespace) -> None:
    """The first steps are those of the CPU: the same directions, batches and adapters."""
    made = {}
    for device in ("cpu", "cuda"):
        options = {**FEW, "max_steps": 2, "device": device, "precision": "fp32"}
        made[device] = zofo.finetune(tiny.model, tiny.task, out=tiny.folder / f"two-{device}", **options)
        assert (made[device].device, made[device].precision) == (device, "fp32")
        recorded = (Path(made[device].out) / "options.toml").read_text()
        assert f"device = '{device}'" in recorded and "precision = 'fp32'" in recorded
    # Adam divides by the size of a gradient, so a step can amplify rounding errors.
    assert made["cuda"].scores.loss == pytest.approx(made["cpu"].scores.loss, rel=0.02)
    again = made["cuda"].load()
    assert (again.device, again.precision) == ("cuda", "fp32")
    assert again.evaluate(tiny.task, max_eval_samples=100).loss == near(made["cuda"].scores.loss)
    assert zofo.replay(made["cuda"]).verified
    longer = zofo.resume(made["cuda"].out, max_steps=4, progress=False)
    assert (longer.steps, longer.device, longer.precision) == (4, "cuda", "fp32")
    [one] = zofo.adapt(tiny.model, tiny.task, shots=4, max_steps=2, device="cpu")
    [other] = zofo.adapt(tiny.model, tiny.task, shots=4, max_steps=2, device="cuda", precision="fp32")
    assert other.results[0].scores.loss == pytest.approx(one.results[0].scores.loss, rel=0.02)
