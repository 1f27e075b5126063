"""The solver on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zofo import _core
from zofo.policies import Arrays, Estimator, Inner, Options, Outer, Perturbation, Rate, _given
from zofo.problem import Function, Problem, _callables, _function


@dataclass(frozen=True)
class StepReport:
    """One outer step. Numbers that the step did not compute are NaN."""

    step: int
    """Index of the step, from 0."""
    upper: float
    """F(theta, p), mean over the probes."""
    lower_p: float
    """G(theta, p), mean over the probes."""
    lower_s: float
    """G(theta, s), mean over the probes."""
    projected_gradient: float
    """rho, the projected gradient of the update of theta: the root mean square over the directions."""
    inner_value_s: float
    """Objective of s before its last inner step."""
    inner_value_p: float
    """Objective of p before its last inner step."""
    inner_gradient_s: float
    """Norm of the gradient of s before its last inner step."""
    inner_gradient_p: float
    """Norm of the gradient of p before its last inner step."""
    inner_converged: bool
    """Whether all gradient norms reached inner_tolerance."""
    update: tuple[tuple[int, int, int, float], ...]
    """The step's entry in the trajectory: (seed, step, query) of each direction, and its coefficient."""


@dataclass(frozen=True)
class Solution:
    """The result of solve or minimize. theta, p and s are updated in place."""

    termination: str
    """Why it ended: budget (all steps were done), tolerance or observer."""
    steps: int
    """Number of outer steps of this call."""
    losses: int
    """Number of evaluations of F or G."""
    gradients: int
    """Number of gradient evaluations."""
    seconds: float
    """Wall time, in seconds."""
    last: StepReport | None
    """Report of the last step; None if there was none."""
    message: str
    """A summary in one line."""


Observer = Callable[[StepReport], bool | None]
"""Called after each step; if it returns False, solve ends."""


def _solution(raw: tuple[Any, ...]) -> Solution:
    termination, steps, losses, gradients, seconds, last, message = raw
    report = None if last is None else StepReport(*last)
    return Solution(termination, steps, losses, gradients, seconds, report, message)


def _watch(observer: Observer | None) -> Callable[[tuple[Any, ...]], bool | None] | None:
    if observer is None:
        return None
    watch = observer
    return lambda raw: watch(StepReport(*raw))


def _each(theta: Arrays) -> list[Any]:
    if isinstance(theta, Mapping):
        return list(theta.values())
    return list(theta) if isinstance(theta, (tuple, list)) else [theta]


def _check_apart(theta: Arrays, p: list[NDArray[Any]], s: list[NDArray[Any]]) -> None:
    """Raises zofo.Error if arrays that the solver writes share memory."""
    names = [("theta", each) for each in _each(theta)]
    names += [(f"p[{i}]", each) for i, each in enumerate(p)] + [(f"s[{i}]", each) for i, each in enumerate(s)]
    spans = []
    for name, array in names:
        if isinstance(array, np.ndarray) and array.size:
            spans.append((array.ctypes.data, array.ctypes.data + array.nbytes, name))
    spans.sort()
    for (_, end, first), (start, _, second) in zip(spans, spans[1:]):
        if start < end:
            raise _core.Error(f"{first} and {second}: share memory: each must be an array of its own")


class Solver:
    """Solves a bilevel problem, or several with a common theta, by Bilevel-ZOFO.

    A policy is given by its name ("low-rank") or as an object with fields (Perturbation("low-rank", rank=4)).
    `lower` is the inner optimiser of s, and `upper` that of p (default: the same as `lower`). Raises zofo.Error when
    a field is out of range.
    """

    def __init__(
        self,
        problem: Problem | Sequence[Problem],
        *,
        perturbation: Perturbation | str = "rademacher",
        estimator: Estimator | str = "central",
        outer: Outer | str = "sgd",
        lower: Inner | str = "adam",
        upper: Inner | str | None = None,
        options: Options | None = None,
    ) -> None:
        problems = [problem] if isinstance(problem, Problem) else list(problem)
        self._several = not isinstance(problem, Problem)
        self._core = _make([_callables(each) for each in problems],
                           _policies(perturbation, estimator, outer, lower, upper), options or Options())

    def solve(
        self,
        theta: Arrays,
        p: NDArray[Any] | Sequence[NDArray[Any]],
        s: NDArray[Any] | Sequence[NDArray[Any]],
        *,
        observer: Observer | None = None,
        steps: int | None = None,
    ) -> Solution:
        """Does `steps` outer steps (default: the options' outer_steps); another call continues.

        theta, p and s must be C-contiguous arrays of float32 or float64 and are updated in place. For a list of
        problems p and s are lists of arrays. An exception of a callable ends solve and is passed on unchanged; theta,
        p and s are then those before the failed step. Raises zofo.Error when a loss or gradient is not finite, an inner
        loss diverges, or shapes do not match.
        """
        ps, ss = self._list(p, "p (upper adapter)"), self._list(s, "s (lower adapter)")
        _check_apart(theta, ps, ss)
        return _solution(self._core.solve(theta, ps, ss, _watch(observer), steps))

    def step(
        self,
        theta: Arrays,
        p: NDArray[Any] | Sequence[NDArray[Any]],
        s: NDArray[Any] | Sequence[NDArray[Any]],
    ) -> StepReport:
        """Does one outer step and returns its report. Raises as solve."""
        last = self.solve(theta, p, s, steps=1).last
        assert last is not None
        return last

    @property
    def steps(self) -> int:
        """Number of outer steps so far."""
        return self._core.step

    def _list(self, given: NDArray[Any] | Sequence[NDArray[Any]], name: str) -> list[NDArray[Any]]:
        if isinstance(given, np.ndarray):
            if self._several:
                raise _core.Error(f"{name}: an array: must be a list of arrays, one for each problem")
            return [given]
        if not self._several:
            raise _core.Error(f"{name}: {type(given).__name__}: must be a NumPy array")
        return list(given)


def minimize(
    f: Function,
    theta: Arrays,
    *,
    steps: int = 1000,
    learning_rate: Rate = 1e-2,
    epsilon: Rate = 1e-3,
    queries: int = 1,
    seed: int = 0,
    batches: bool = False,
    observer: Observer | None = None,
    perturbation: Perturbation | str = "rademacher",
    estimator: Estimator | str = "central",
    outer: Outer | str = "sgd",
    tolerance: float = 0.0,
) -> Solution:
    """Minimises f(theta) from its values only, by zeroth-order steps (MeZO). theta is updated in place.

    f is called with a read-only view of theta, in the form in which theta is given, and also with a BatchKey if
    `batches` is true. `learning_rate`, `epsilon` and `queries` apply if `outer` and `estimator` do not set them.
    Raises as Solver.solve.
    """
    how = Estimator(estimator) if isinstance(estimator, str) else estimator
    how = replace(how, epsilon=epsilon if how.epsilon is None else how.epsilon,
                  queries=queries if how.queries is None else how.queries)
    applied = Outer(outer) if isinstance(outer, str) else outer
    if applied.rate is None:
        applied = replace(applied, rate=learning_rate)
    options = Options(outer_steps=steps, seed=seed, penalty=0.0, train_upper=False, train_lower=False,
                      outer_tolerance=tolerance)
    core = _make([_function(f, batches)], _policies(perturbation, how, applied, "sgd", None), options)
    _check_apart(theta, [], [])
    none = np.zeros(0)
    return _solution(core.solve(theta, [none], [none.copy()], _watch(observer), None))


def _policies(
    perturbation: Perturbation | str,
    estimator: Estimator | str,
    outer: Outer | str,
    lower: Inner | str,
    upper: Inner | str | None,
) -> dict[str, dict[str, Any]]:
    if upper is None:
        upper = lower
    return {
        "perturbation": _given(Perturbation(perturbation) if isinstance(perturbation, str) else perturbation),
        "estimator": _given(Estimator(estimator) if isinstance(estimator, str) else estimator),
        "outer": _given(Outer(outer) if isinstance(outer, str) else outer),
        "lower": _given(Inner(lower) if isinstance(lower, str) else lower),
        "upper": _given(Inner(upper) if isinstance(upper, str) else upper),
    }


def _make(tasks: list[dict[str, Any]], policies: dict[str, dict[str, Any]], options: Options) -> _core.Solver:
    for task in tasks:
        for name in ("upper", "upper_gradient", "lower", "lower_gradient", "lower_solution", "penalty_solution"):
            if task[name] is not None and not callable(task[name]):
                raise _core.Error(f"{name}: {type(task[name]).__name__}: must be callable")
    return _core.Solver(tasks, policies, _given(options))
