"""Progress of a run: a live line in a terminal or a notebook, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """A step of a run. Losses that the step did not compute are NaN."""

    step: int
    """Number of outer steps so far."""
    upper: float
    """F(., p)."""
    lower: float
    """G(., s)."""
    seconds: float
    """Seconds of training so far."""
    left: float
    """Estimated seconds until the end."""
    tokens_per_second: float
    """Tokens processed per second, mean over the run."""

    def __str__(self) -> str:
        losses = "".join(
            f"  {name} {value:.3f}" for name, value in (("F(p)", self.upper), ("G(s)", self.lower)) if not math.isnan(value)
        )
        left = int(max(0.0, self.left))
        return f"step {self.step}{losses}  {self.tokens_per_second:.0f} tokens/s  {left // 60}:{left % 60:02d} left"


Observer = Callable[[Progress | str], None]
"""Is called with the progress of a run a few times a second, and with messages as text."""


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


class Printer:
    """Prints progress to standard error."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = sys.stderr.isatty() or _in_notebook()
        self._next = 0.0
        self._width = 0

    def __call__(self, what: Progress | str) -> None:
        """Prints a step or a message."""
        line = f"{self._title}: {what}"
        if isinstance(what, str):
            self.close()
            print(line, file=sys.stderr, flush=True)
        elif self._live:
            print("\r" + line.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(line)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + 15.0
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends the live line."""
        if self._width:
            print(file=sys.stderr, flush=True)
        self._width = 0
