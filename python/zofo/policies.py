"""The policies of a solver by name, and its options.

A field that is None keeps the default of the policy. A field that the policy does not have is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from numpy.typing import NDArray

from zofo._core import Schedule

Rate = float | Schedule
"""A number, or a Schedule over steps."""

Arrays = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]
"""An array of float32 or float64, or a tuple, list or dict of them."""


def _given(policy: Any) -> dict[str, Any]:
    """The fields that are set, for the compiled part."""
    pairs = ((field.name, getattr(policy, field.name)) for field in fields(policy))
    return {name: value for name, value in pairs if value is not None}


@dataclass(frozen=True)
class Perturbation:
    """The distribution of the random directions z.

    Names: gaussian, rademacher, sphere, coordinate, low-rank, sparse (the smallest weights), random-sparse and
    orthogonal (several directions of a step are orthogonal).
    """

    name: str = "rademacher"
    rank: int | None = None
    """low-rank: rank of the directions; default 2."""
    interval: int | None = None
    """low-rank, random-sparse: steps that share the subspace or the mask; 0: all; default 1."""
    fraction: float | None = None
    """sparse, random-sparse: fraction of the weights that are perturbed; default 0.25."""
    queries: int | None = None
    """orthogonal: number of orthogonal directions; use the estimator's `queries`."""
    seed: int | None = None
    """random-sparse: seed of the masks; default: that of the options."""


@dataclass(frozen=True)
class Estimator:
    """Estimates the gradient with respect to theta from loss values.

    Names: central, forward, std-normalized (forward differences divided by the standard deviation of their
    losses) and one-point-residual.
    """

    name: str = "central"
    epsilon: Rate | None = None
    """Smoothing radius: losses are evaluated at theta + epsilon z."""
    queries: int | None = None
    """Number of directions averaged in a step; q directions divide the variance by about q."""
    seed: int | None = None
    """Seed of the directions; default: that of the options."""
    random_sign: bool | None = None
    """Multiply each estimate by a random sign: a control experiment without gradient information."""
    variance_reduction: str | None = None
    """none, svrg, spider or storm; for noisy losses. Not for one-point-residual."""
    period: int | None = None
    """svrg, spider: steps between two anchors."""
    batches: int | None = None
    """svrg, spider: mini-batches averaged at an anchor."""
    weight: float | None = None
    """storm: weight of the new estimate, in (0, 1]."""


@dataclass(frozen=True)
class Outer:
    """Updates theta from the estimate.

    Names: sgd, momentum, adam, rms-scalar, lion and sign. After each update theta is projected onto a box if `low`
    or `high` is given, or onto a ball if `radius` is given.
    """

    name: str = "sgd"
    rate: Rate | None = None
    """Learning rate; set it for each problem."""
    momentum: float | None = None
    """momentum: weight of earlier updates."""
    beta1: float | None = None
    """adam: decay of the first moment. lion: weight of its moving average in the update."""
    beta2: float | None = None
    """adam, rms-scalar: decay of the second moment. lion: decay of its moving average."""
    epsilon: float | None = None
    """adam: added to the root of the second moment."""
    weight_decay: float | None = None
    """lion: decoupled weight decay."""
    longest: float | None = None
    """sgd, momentum: largest norm of an update; 0: no limit."""
    low: float | Arrays | None = None
    """Lower bounds of theta: a number, or arrays of theta's shape and dtype."""
    high: float | Arrays | None = None
    """Upper bounds of theta."""
    radius: float | None = None
    """Largest distance of theta from `centre`."""
    centre: Arrays | None = None
    """Centre of the ball, of theta's shape and dtype; default 0."""


@dataclass(frozen=True)
class Inner:
    """Updates an adapter from its gradient.

    Names: adam, sgd, gradient-descent, nesterov, lbfgs and exact (for problems with closed-form minimisers).
    """

    name: str = "adam"
    rate: Rate | None = None
    """Learning rate; not for exact."""
    momentum: float | None = None
    """sgd: weight of earlier updates."""
    beta1: float | None = None
    """adam: decay of the first moment."""
    beta2: float | None = None
    """adam: decay of the second moment."""
    epsilon: float | None = None
    """adam: added to the root of the second moment."""
    weight_decay: float | None = None
    """adam, sgd: decoupled weight decay."""
    clip: float | None = None
    """adam, sgd: the gradient is clipped to this norm; 0: no limit."""
    strong_convexity: float | None = None
    """nesterov: strong-convexity constant; 0: not known."""
    memory: int | None = None
    """lbfgs: number of pairs (change of x, change of the gradient) that are stored."""
    first_rate: float | None = None
    """lbfgs: learning rate until there is a pair."""
    max_step_norm: float | None = None
    """lbfgs: largest norm of a step; 0: no limit."""
    min_curvature: float | None = None
    """lbfgs: pairs with a smaller curvature are skipped."""


@dataclass(frozen=True)
class Options:
    """Options of the outer loop. None: the default of the C++ struct BilevelOptions, docs/guide/options.md."""

    outer_steps: int | None = None
    """Outer steps of one call of solve; default 100."""
    inner_steps: int | None = None
    """T, updates of s and of p per outer step; default 5."""
    penalty: Rate | None = None
    """Weight of G(p) - G(s); default 10."""
    normalize_penalty: bool | None = None
    """Whether p minimises (F + penalty G) / (1 + penalty) instead of F + penalty G; default True."""
    inner_tolerance: float | None = None
    """Gradient norm at which the inner steps end early; default 0: never."""
    divergence_factor: float | None = None
    """Growth of an inner loss that is an error; default 1000; 0: no limit."""
    outer_tolerance: float | None = None
    """Projected gradient rho at which solve ends; default 0: never."""
    upper_with_lower: bool | None = None
    """Update p in every inner step, not only once per outer step; default True."""
    train_upper: bool | None = None
    """Whether p is updated; default True."""
    train_lower: bool | None = None
    """Whether s is updated; default True."""
    move_backbone: bool | None = None
    """Whether theta is updated; default True."""
    seed: int | None = None
    """Seed of directions, mini-batches and the sampling of tasks; default 0."""
    tasks_per_step: int | None = None
    """Tasks sampled per outer step; default 0: all."""
    task_weights: Sequence[float] | None = None
    """Weights with which tasks are sampled; default: equal."""
