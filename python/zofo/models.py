"""Language models: scores, predictions and generated texts."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

from zofo import _core
from zofo.rows import Rows, to_dicts, to_json_lines
from zofo.tasks import Pathlike, Task, located


@dataclass(frozen=True)
class Scores:
    """Metrics on labelled rows. Metrics that do not apply to the task are NaN or None."""

    loss: float
    """Mean loss (natural logarithm)."""
    accuracy: float
    """Fraction of correct predictions."""
    macro_f1: float
    """Mean F1 over the classes."""
    balanced_accuracy: float
    """Mean recall over the classes."""
    exact_match: float | None
    """Mean exact match, where rows list accepted answers."""
    f1: float | None
    """Mean F1 over the words of the answers."""
    examples: int
    """Number of rows."""
    seconds: float
    """Time of the evaluation, in seconds."""


@dataclass(frozen=True)
class ChoiceScores:
    """Log-probabilities of the answer choices (options) after a prompt."""

    logprobs: tuple[float, ...]
    """Sum over the tokens of each option."""
    tokens: tuple[int, ...]
    """Number of tokens of each option."""
    best: int
    """Index of the option with the highest sum."""


@dataclass(frozen=True)
class Prediction:
    """The answer to a row. What a task of this kind does not have is None or empty."""

    text: str
    """The chosen answer without leading and trailing blanks, or the generated text."""
    row: Mapping[str, Any]
    """The row, as it was given."""
    choice: int | None = None
    """Index of the choice or candidate with the highest score."""
    label: str = ""
    """The label of this choice in the task's label map."""
    choices: tuple[str, ...] = ()
    """The texts to choose from, without leading and trailing blanks."""
    scores: tuple[float, ...] = ()
    """The score of each: its log-probability, or what the task makes of it."""
    probabilities: tuple[float, ...] = ()
    """Softmax of the scores."""
    correct: bool | None = None
    """Whether the choice is right; None for a row without a label."""
    exact_match: float | None = None
    """Exact match of a generated text with the row's accepted answers."""
    f1: float | None = None
    """F1 over the words of the same."""
    tokens: int | None = None
    """Number of generated tokens."""
    end: str = ""
    """Why a generated text ended, as in Generation."""
    error: str = ""
    """Why the row could not be answered, with on_error="keep"."""


@dataclass(frozen=True)
class ClassScores:
    """The figures of one class. A ratio of nothing is 0, as in scikit-learn."""

    name: str
    """The answer choice."""
    precision: float
    """Fraction of the predictions of this class that are right."""
    recall: float
    """Fraction of this class's rows that are predicted."""
    f1: float
    """Their harmonic mean."""
    support: int
    """Number of rows of this class."""


@dataclass(frozen=True)
class Metrics:
    """How well predictions agree with the labels. Metrics that do not apply to the task are None or empty."""

    labelled: int
    """Number of rows with a label or with accepted answers."""
    accuracy: float | None
    """Fraction of correct predictions."""
    macro_f1: float | None
    """Mean F1 over the classes, where all rows share their choices."""
    balanced_accuracy: float | None
    """Mean recall over the classes."""
    loss: float | None
    """Mean of minus the log-probability of the right choice among all."""
    exact_match: float | None
    """Mean exact match, where rows list accepted answers."""
    f1: float | None
    """Mean F1 over the words of the answers."""
    classes: tuple[ClassScores, ...]
    """The figures of each class, in the order of the choices."""
    confusion: tuple[tuple[int, ...], ...]
    """confusion[label][prediction]: number of rows."""


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The predictions for the rows, in their order: a sequence of Prediction, with metrics."""

    rows: tuple[Prediction, ...]
    """A prediction for each row."""
    metrics: Metrics | None
    """Of the labelled rows; None if no row has a label."""

    @overload
    def __getitem__(self, index: int) -> Prediction: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...

    def __getitem__(self, index: int | slice) -> Prediction | Sequence[Prediction]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Generation:
    """A generated text."""

    text: str
    """The text after the prompt."""
    tokens: int
    """Number of generated tokens."""
    prompt_tokens: int
    """Number of tokens of the prompt."""
    end: str
    """Why it ended: stop, control (an end-of-text token of the model) or length."""


class Model:
    """A model from a GGUF file or a Hugging Face folder, or the result of a fine-tuning, on the CPU."""

    def __init__(
        self, model: Pathlike | None = None, run: Pathlike | None = None, *, adapter: Pathlike | None = None
    ) -> None:
        """As `load`."""
        self.run = None if run is None else os.fspath(run)
        """Path of the run folder; None: the model itself."""
        self.adapter = None if adapter is None else os.fspath(adapter)
        """Path of the adapter's folder; None: the run's adapter, or none."""
        self._core = _core.Model("" if model is None else os.fspath(model), self.run or "", self.adapter or "")
        self.path = _core.model_of_run(self.run or "") if model is None else os.fspath(model)
        """Path of the model."""
        if self._core.warning:
            warnings.warn(self._core.warning, stacklevel=2)

    def __repr__(self) -> str:
        further = "".join(
            f", {name}={value!r}" for name, value in (("run", self.run), ("adapter", self.adapter)) if value
        )
        return f"zofo.load({self.path!r}{further})"

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
        stop: str = "",
        batch_size: int = 0,
        max_prompt_tokens: int = 0,
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Generation]:
        """Generates a text after each prompt by greedy decoding.

        A text ends before `stop`, at the model's end of text, or after `max_new_tokens`. `batch_size` is the
        largest number of sequences that are decoded together; 0: chosen automatically. A prompt of more than
        `max_prompt_tokens` tokens keeps its last ones; 0: one longer than the context is an error. `on_text(i, text)`
        is called after each token, with the text generated so far for prompt i.
        """
        given = [prompts] if isinstance(prompts, str) else list(prompts)
        watch = None if on_text is None else _decoded(on_text)
        lines = self._core.generate(given, max_new_tokens, stop, batch_size, max_prompt_tokens, watch) if given else []
        answers = [json.loads(line) for line in lines]
        return [Generation(a["text"], a["tokens"], a["prompt_tokens"], a["end"]) for a in answers]


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
    model: Pathlike | None = None, run: Pathlike | None = None, *, adapter: Pathlike | None = None
) -> Model:
    """Loads a GGUF file or a Hugging Face folder, with the result of a fine-tuning in the folder `run`.

    Without `model` it is the one that the run names. A given model with other weights than those that the run started
    with gives a warning. `adapter`: a folder of a LoRA, prefix or prompt adapter in peft's format, which takes the
    place of the run's. Raises zofo.Error naming the file at fault.
    """
    return Model(model, run, adapter=adapter)
