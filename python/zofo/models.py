"""Language models: scores, predictions and generated texts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from zofo import _core
from zofo.rows import Rows, to_json_lines
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
    """The predicted answer choice of a row."""

    choice: int
    """Index of the choice with the highest score."""
    text: str
    """The choice without leading and trailing blanks."""
    label: str
    """The label of this choice in the task's label map; empty if there is none."""
    probabilities: tuple[float, ...]
    """Softmax of the choices' scores."""


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

    def __init__(self, model: Pathlike, run: Pathlike | None = None) -> None:
        """`run`: the folder of a fine-tuning of this model. Raises zofo.Error naming the file at fault."""
        self.path = os.fspath(model)
        """Path of the model."""
        self.run = None if run is None else os.fspath(run)
        """Path of the run folder; None: the model itself."""
        self._core = _core.Model(self.path, self.run or "")

    def __repr__(self) -> str:
        return f"zofo.load({self.path!r}" + (f", run={self.run!r})" if self.run else ")")

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the transformer, and whether it has an adapter."""
        return self._core.config()

    def evaluate(
        self,
        task: Task | Pathlike,
        rows: Rows = None,
        *,
        data: Pathlike | None = None,
        train: Rows = None,
        tasks: Pathlike | None = None,
        template: str = "",
        max_eval_samples: int = 0,
        calibrate: bool = False,
        demonstrations: int = 0,
        seed: int = 0,
    ) -> Scores:
        """Metrics on `rows`, or on the validation examples of the folder `data`.

        `task` is a Task, a folder with a task.toml, or the name of a definition in the folder `tasks`.
        `demonstrations` examples of `train` (or of the folder), with their answers, are put before every prompt.
        """
        if demonstrations and rows is not None and train is None:
            raise _core.Error("demonstrations: need train rows, which they are sampled from")
        with located(task, data, train, rows, tasks) as files:
            raw = self._core.evaluate(files.arguments(template), max_eval_samples, calibrate, demonstrations, seed)
        return Scores(*raw)

    def predict(
        self, task: Task | Pathlike, rows: Rows, *, tasks: Pathlike | None = None, template: str = ""
    ) -> list[Prediction]:
        """Predicts the answer choice of each row. Rows need no label. The task must be of kind choice."""
        lines = to_json_lines(rows)
        with located(task, train=rows if isinstance(task, Task) else None, tasks=tasks) as files:
            scores, choices, labels = self._core.predict(files.arguments(template), lines)
        names = {index: label for label, index in reversed(labels)}
        return [_prediction(each, choices, names) for each in scores]

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
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Generation]:
        """Generates a text after each prompt by greedy decoding.

        A text ends before `stop`, at the model's end of text, or after `max_new_tokens`. `batch_size` is the
        largest number of sequences that are decoded together; 0: chosen automatically. `on_text(i, text)` is
        called after each token, with the text generated so far for prompt i.
        """
        given = [prompts] if isinstance(prompts, str) else list(prompts)
        watch = None if on_text is None else _decoded(on_text)
        lines = self._core.generate(given, max_new_tokens, stop, batch_size, watch) if given else []
        answers = [json.loads(line) for line in lines]
        return [Generation(a["text"], a["tokens"], a["prompt_tokens"], a["end"]) for a in answers]


def _decoded(on_text: Callable[[int, str], None]) -> Callable[[int, bytes], None]:
    return lambda index, text: on_text(index, text.decode("utf-8", "replace"))


def _prediction(scores: list[float], choices: list[str], names: dict[int, str]) -> Prediction:
    best = max(range(len(scores)), key=scores.__getitem__)
    weights = [math.exp(score - scores[best]) for score in scores]
    return Prediction(best, choices[best].strip(), names.get(best, ""), tuple(w / sum(weights) for w in weights))


def load(model: Pathlike, run: Pathlike | None = None) -> Model:
    """Loads a GGUF file or a Hugging Face folder, with the result of a fine-tuning in the folder `run`."""
    return Model(model, run)
