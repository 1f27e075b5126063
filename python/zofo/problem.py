"""Bilevel problems given by Python callables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True)
class Problem:
    """min over theta of F(theta, p*(theta)), where p*(theta) minimises G(theta, p) over p.

    Callables get read-only views of the solver's arrays, which are valid only during the call: copy what you
    keep. theta has the form in which it is passed to Solver.solve: an array, a tuple, a list or a dict.
    """

    upper: Function
    """upper(theta, p) -> F."""
    upper_gradient: Function
    """upper_gradient(theta, p) -> (F, its gradient with respect to p)."""
    lower: Function
    """lower(theta, p) -> G."""
    lower_gradient: Function
    """lower_gradient(theta, p) -> (G, its gradient with respect to p)."""
    lower_solution: Function | None = None
    """lower_solution(theta) -> the minimiser of G, for the inner optimiser `exact`."""
    penalty_solution: Function | None = None
    """penalty_solution(theta, penalty) -> the minimiser of F + penalty G, for `exact`."""
    batches: bool = False
    """The first four callables take a BatchKey after p. Equal keys must give the same examples."""
    in_place: bool = False
    """The gradient callables write the gradient to an array, their last argument, and return the value only."""


def _callables(problem: Problem) -> dict[str, Any]:
    """The problem for the compiled part."""
    return {**{field.name: getattr(problem, field.name) for field in fields(problem)}, "single": False}


def _function(f: Function, batches: bool) -> dict[str, Any]:
    """A function of theta alone for the compiled part."""
    rest = dict.fromkeys(field.name for field in fields(Problem))
    return {**rest, "upper": f, "batches": batches, "in_place": False, "single": True}
