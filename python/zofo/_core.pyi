"""The compiled part of zofo."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

__version__: str

class Error(ValueError):
    """Bad input: the message names the field, file or line, its value and what is allowed."""

class Schedule:
    """A number that depends on the step: a rate, a radius or a penalty."""

    @staticmethod
    def constant(value: float) -> Schedule:
        """The same value at every step."""
    @staticmethod
    def linear(start: float, end: float, steps: int) -> Schedule:
        """Linear from start to end in so many steps, then end."""
    @staticmethod
    def cosine(start: float, end: float, steps: int) -> Schedule:
        """Half a cosine from start to end in so many steps, then end."""
    @staticmethod
    def inverse_sqrt(first: float) -> Schedule:
        """first / sqrt(k + 1) at step k."""
    def with_warmup(self, steps: int) -> Schedule:
        """The same, so many steps later, after a linear increase from 0."""
    def at(self, step: int) -> float:
        """The value at a step, counted from 0."""

class BatchKey:
    """Names a mini-batch. Equal keys must give the same examples."""

    def __init__(self, seed: int = 0, step: int = 0, stream: int = 0, task: int = 0) -> None: ...
    @property
    def seed(self) -> int:
        """Seed of the run; it contains the task."""
    @property
    def step(self) -> int:
        """Number of the mini-batch within its stream."""
    @property
    def stream(self) -> int:
        """What the mini-batch is for."""
    @property
    def task(self) -> int:
        """Index of the task; 0 in the keys that callables get."""
    def sample(self, rows: int, batch: int) -> list[int]:
        """Indices of the examples of this mini-batch; every example is used once in an epoch."""

class Solver:
    """The solver of zofo.Solver."""

    def __init__(
        self, tasks: list[dict[str, Any]], policies: dict[str, dict[str, Any]], options: dict[str, Any]
    ) -> None: ...
    def solve(
        self,
        theta: Any,
        p: list[NDArray[Any]],
        s: list[NDArray[Any]],
        observer: Callable[[tuple[Any, ...]], bool | None] | None,
        steps: int | None,
    ) -> tuple[Any, ...]: ...
    @property
    def step(self) -> int: ...

class TaskArguments:
    """Where a task and its data are, and how its prompts are made."""

    def __init__(
        self,
        task: str,
        data: str,
        definitions: str,
        run: str,
        template: str,
        max_prompt_tokens: int,
        demonstrations: int,
        seed: int,
    ) -> None: ...

class Model:
    """A model, or the result of a run, on a device."""

    def __init__(self, model: str, run: str, adapter: str, device: str, precision: str, special: bool) -> None: ...
    @property
    def warning(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> str: ...
    def config(self) -> dict[str, Any]: ...
    def evaluate(
        self, task: TaskArguments, split: str, max_eval_samples: int, calibrate: bool
    ) -> tuple[Any, ...]: ...
    def score(self, requests: list[str]) -> list[str]: ...
    def predict(
        self, task: TaskArguments, rows: list[str], calibrate: bool
    ) -> tuple[list[str], str, list[tuple[str, int]]]: ...
    def generate(
        self,
        prompts: list[str],
        max_new_tokens: int,
        stop: list[str],
        batch_size: int,
        max_prompt_tokens: int,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        seed: int,
        num_return_sequences: int,
        on_text: Callable[[int, bytes], None] | None,
    ) -> list[str]: ...
    def tokenize(self, texts: list[str], special: bool) -> list[list[int]]: ...

class RunRequest:
    """The arguments of a run."""

    def __init__(self) -> None: ...
    model: str
    tasks: list[str]
    data: str
    definitions: str
    out: str
    options: str
    adapter_given: bool
    meta: bool
    resume: bool
    from_step: int | None

def model_of_run(run: str) -> str: ...
def train(request: RunRequest, progress: Callable[..., None] | None) -> str: ...
def option_names() -> list[tuple[str, str]]: ...
def adapt(
    model: str, tasks: list[str], data: str, definitions: str, arguments: dict[str, Any]
) -> tuple[list[tuple[str, int, bool, str, tuple[tuple[Any, ...], ...]]], list[str]]: ...
def replay(run: str, model: str, to: int | None) -> tuple[str, str, int, bool, float]: ...
def export_model(
    model: str, run: str, adapter: str, out: str, format: str, dtype: str, merge: bool, no_tokenizer: bool,
    without_backbone: bool
) -> tuple[str, str]: ...
def write_tiny_model(path: str) -> None: ...
def write_tiny_task(path: str, train: int, validation: int) -> None: ...
