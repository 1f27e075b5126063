"""What models return: scores, predictions with their metrics, and generated texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload


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
    sample: int = 0
    """Its number among the texts of its prompt."""
