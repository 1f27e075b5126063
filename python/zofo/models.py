"""Language models: scores, predictions and generated texts."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from zofo import _core
from zofo.results import ChoiceScores, ClassScores, Generation, Metrics, Prediction, Predictions, Scores
from zofo.rows import Rows, to_dicts, to_json_lines
from zofo.tasks import Pathlike, Task, located


class Model:
    """A model from a GGUF file or a Hugging Face folder, or the result of a fine-tuning, on the CPU or a GPU."""

    def __init__(
        self,
        model: Pathlike | None = None,
        run: Pathlike | None = None,
        *,
        adapter: Pathlike | None = None,
        device: str = "auto",
        precision: str = "auto",
        special: bool = False,
    ) -> None:
        """As `load`."""
        self.run = None if run is None else os.fspath(run)
        """Path of the run folder; None: the model itself."""
        self.adapter = None if adapter is None else os.fspath(adapter)
        """Path of the adapter's folder; None: the run's adapter, or none."""
        place = "" if model is None else os.fspath(model)
        self._core = _core.Model(place, self.run or "", self.adapter or "", device, precision, special)
        self.path = _core.model_of_run(self.run or "") if model is None else os.fspath(model)
        """Path of the model."""
        if self._core.warning:
            warnings.warn(self._core.warning, stacklevel=2)

    def __repr__(self) -> str:
        further = "".join(
            f", {name}={value!r}"
            for name, value in (("run", self.run), ("adapter", self.adapter), ("device", self.device),
                                ("precision", self.precision))
            if value
        )
        return f"zofo.load({self.path!r}{further})"

    @property
    def device(self) -> str:
        """Where the model computes: cpu or cuda."""
        return self._core.device

    @property
    def precision(self) -> str:
        """The number format of its weights: fp32 or bf16."""
        return self._core.precision

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the transformer, and whether it has an adapter."""
        return self._core.config()

    def evaluate(
        self,
        task: Task | Pathlike | None = None,
        rows: Rows = None,
        *,
        data: Pathlike | None = None,
        train: Rows = None,
        tasks: Pathlike | None = None,
        split: str = "validation",
        template: str = "",
        max_eval_samples: int = 0,
        max_prompt_tokens: int = 0,
        calibrate: bool = False,
        demonstrations: int = 0,
        seed: int = 0,
    ) -> Scores:
        """Metrics on `rows`, or on the examples of a `split` (validation or test) of the folder `data`.

        `task` is a Task, a folder with a task.toml, or the name of a definition in the folder `tasks`; None: the task
        of the run. `demonstrations` examples of `train` (or of the folder), with their answers, are put before every
        prompt. A prompt of more than `max_prompt_tokens` tokens keeps its last ones; 0: as the task defines.
        """
        if demonstrations and rows is not None and train is None:
            raise _core.Error("demonstrations: need train rows, which they are sampled from")
        if rows is not None and split != "validation":
            raise _core.Error(f"split = {split!r}: not together with rows")
        with located(task, data, train, rows, tasks) as files:
            arguments = files.arguments(self.run, template, max_prompt_tokens, demonstrations, seed)
            return Scores(*self._core.evaluate(arguments, split, max_eval_samples, calibrate))

    def predict(
        self,
        task: Task | Pathlike | None,
        rows: Rows,
        *,
        data: Pathlike | None = None,
        train: Rows = None,
        tasks: Pathlike | None = None,
        template: str = "",
        max_prompt_tokens: int = 0,
        calibrate: bool = False,
        demonstrations: int = 0,
        seed: int = 0,
        on_error: Literal["raise", "keep"] = "raise",
    ) -> Predictions:
        """Answers each row: by the best of its choices or candidates, or by a generated text, as the task's kind asks.

        Rows need no label; where there are labels (or accepted answers), the result has metrics. `task`, `template`,
        `demonstrations` and `max_prompt_tokens` are as for `evaluate`. `calibrate` subtracts each choice's score under
        a content-free prompt. A row that cannot be answered raises zofo.Error, or with on_error="keep" gets a
        Prediction with its `error`. The answers are those of `zofo predict`.
        """
        if on_error not in ("raise", "keep"):
            raise _core.Error(f"on_error = {on_error!r}: must be 'raise' or 'keep'")
        given = list(to_dicts(rows))
        lines = to_json_lines(given)
        with located(task, data, train, tasks=tasks, need_rows=False) as files:
            arguments = files.arguments(self.run, template, max_prompt_tokens, demonstrations, seed)
            answers, metrics, labels = self._core.predict(arguments, lines, calibrate)
        names = {index: label for label, index in reversed(labels)}
        predictions = tuple(_prediction(json.loads(each), row, names) for each, row in zip(answers, given, strict=True))
        if on_error == "raise":
            for each in predictions:
                if each.error:
                    raise _core.Error(each.error)
        return Predictions(predictions, _metrics(json.loads(metrics)))

    def score(self, requests: Sequence[tuple[str, Sequence[str]]]) -> list[ChoiceScores]:
        """Log-probabilities of answer choices. Each request is a prompt and its options."""
        lines = []
        for request in requests:
            prompt, options = request
            lines.append(json.dumps({"prompt": prompt, "options": list(options)}, ensure_ascii=False))
        answers = [json.loads(line) for line in self._core.score(lines)]
        return [ChoiceScores(tuple(a["logprobs"]), tuple(a["tokens"]), a["best"]) for a in answers]

    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        max_new_tokens: int = 64,
        stop: str | Sequence[str] = "",
        batch_size: int = 0,
        max_prompt_tokens: int = 0,
        temperature: float = 0.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        seed: int = 0,
        num_return_sequences: int = 1,
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Generation]:
        """Generates texts after each prompt.

        A text ends before the first `stop` (a text or several), at the model's end of text, or after `max_new_tokens`.
        `batch_size` is the largest number of sequences that are decoded together; 0: chosen automatically. A prompt of
        more than `max_prompt_tokens` tokens keeps its last ones; 0: one longer than the context is an error.

        At `temperature` 0 each token is the most probable one. Above, it is sampled; `top_k`, `top_p`, `min_p` and
        `repetition_penalty` are those of transformers' GenerationConfig, but top_k is off (0) by default. The result
        has `num_return_sequences` texts of the first prompt, then those of the next. A text depends on the `seed`, the
        number of its prompt and its `sample`, not on the other prompts or `batch_size`. `on_text(i, text)` is called
        after each token, with the text generated so far for entry i of the result.
        """
        given = [prompts] if isinstance(prompts, str) else list(prompts)
        watch = None if on_text is None else _decoded(on_text)
        stops = ([stop] if stop else []) if isinstance(stop, str) else list(stop)
        lines = self._core.generate(given, max_new_tokens, stops, batch_size, max_prompt_tokens, temperature, top_k,
                                    top_p, min_p, repetition_penalty, seed, num_return_sequences, watch) if given else []
        answers = [json.loads(line) for line in lines]
        return [Generation(a["text"], a["tokens"], a["prompt_tokens"], a["end"], a.get("sample", 0)) for a in answers]

    def tokenize(self, texts: str | Sequence[str], *, special: bool = False) -> list[list[int]]:
        """The token ids of each text, without the token that begins a sequence.

        `special` recognises control tokens written in the text. The ids are those of `zofo tokenize`.
        """
        return self._core.tokenize([texts] if isinstance(texts, str) else list(texts), special)


def _decoded(on_text: Callable[[int, str], None]) -> Callable[[int, bytes], None]:
    return lambda index, text: on_text(index, text.decode("utf-8", "replace"))


def _prediction(answer: dict[str, Any], row: Mapping[str, Any], names: dict[int, str]) -> Prediction:
    if "error" in answer:
        return Prediction("", row, error=answer["error"])
    if "text" in answer:
        return Prediction(answer["text"], row, exact_match=answer.get("exact_match"), f1=answer.get("f1"),
                          tokens=answer["tokens"], end=answer["end"])
    return Prediction(answer["answer"], row, answer["index"], names.get(answer["index"], ""), tuple(answer["choices"]),
                      tuple(answer["scores"]), tuple(answer["probabilities"]), answer.get("correct"))


def _metrics(given: dict[str, Any]) -> Metrics | None:
    if given["labelled"] == 0:
        return None
    return Metrics(
        given["labelled"], given.get("accuracy"), given.get("macro_f1"), given.get("balanced_accuracy"),
        given.get("loss"), given.get("exact_match"), given.get("f1"),
        tuple(ClassScores(**each) for each in given.get("classes", ())),
        tuple(tuple(line) for line in given.get("confusion", ())),
    )


def load(
    model: Pathlike | None = None,
    run: Pathlike | None = None,
    *,
    adapter: Pathlike | None = None,
    device: str = "auto",
    precision: str = "auto",
    special: bool = False,
) -> Model:
    """Loads a GGUF file or a Hugging Face folder, with the result of a fine-tuning in the folder `run`.

    Without `model` it is the one that the run names. A given model with other weights than those that the run started
    with gives a warning. `adapter`: a folder of a LoRA, prefix or prompt adapter in peft's format, which takes the
    place of the run's. `device`: auto (a GPU if there is one), cpu or cuda. `precision`: auto (bf16 on a GPU, fp32 on
    the CPU), bf16 or fp32. `special`: control tokens, such as <|im_start|>, that are written in texts are recognised;
    they also are if the run did so. Raises zofo.Error naming the file at fault, or with the reason why a GPU cannot be
    used.
    """
    return Model(model, run, adapter=adapter, device=device, precision=precision, special=special)
