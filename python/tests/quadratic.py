"""A problem with a known solution."""

from typing import Any

import numpy as np

import zofo

PENALTY = 10.0
ALPHA = 0.1
DESCENT = zofo.Inner("gradient-descent", rate=0.25)


def quadratic(in_place: bool = False, batches: bool = False) -> zofo.Problem:
    """F = |p - 1|^2 + ALPHA |theta|^2, G = |p - theta|^2."""

    def f(theta: Any, p: Any, *key: Any) -> Any:
        return ((p - 1) ** 2).sum() + ALPHA * (theta**2).sum()

    def g(theta: Any, p: Any, *key: Any) -> Any:
        return ((p - theta) ** 2).sum()

    def df(theta: Any, p: Any, *rest: Any) -> Any:
        if not in_place:
            return f(theta, p), 2 * (p - 1)
        np.multiply(2, p - 1, out=rest[-1])
        return f(theta, p)

    def dg(theta: Any, p: Any, *rest: Any) -> Any:
        if not in_place:
            return g(theta, p), 2 * (p - theta)
        np.multiply(2, p - theta, out=rest[-1])
        return g(theta, p)

    return zofo.Problem(
        upper=f, upper_gradient=df, lower=g, lower_gradient=dg,
        lower_solution=lambda theta: theta,
        penalty_solution=lambda theta, penalty: (1 + penalty * theta) / (1 + penalty),
        batches=batches, in_place=in_place,
    )


def minimum() -> float:
    """Of the penalty function: w (theta - 1)^2 + ALPHA theta^2 with w = PENALTY / (1 + PENALTY)."""
    w = PENALTY / (1 + PENALTY)
    return w / (w + ALPHA)
