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
    """low-rank: rank of the directions; 2 unless given."""
    interval: int | None = None
    """low-rank, random-sparse: steps that share the subspace or the mask; 0: all; 1 unless given."""
    fraction: float | None = None
    """sparse, random-sparse: fraction of the weights that are perturbed; 0.25 unless given."""
    queries: int | None = None
    """orthogonal: the queries of the estimator."""
    seed: int | None = None
    """random-sparse: seed of the masks; that of the options unless given."""


@dataclass(frozen=True)
class Estimator:
    """Computes an estimate of the gradient in theta from losses.

    Names: central, forward, std-normalized (forward differences divided by the standard deviation of their
    losses) and one-point-residual.
    """

    name: str = "central"
    epsilon: Rate | None = None
    """Distance from theta at which losses are evaluated."""
    queries: int | None = None
    """Directions averaged in a step; q of them divide the variance by about q."""
    seed: int | None = None
    """Seed of the directions; that of the options unless given."""
    random_sign: bool | None = None
    """Multiply each estimate by a random sign: a control without information."""
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
    """Applies the estimate to theta.

    Names: sgd, momentum, adam, rms-scalar, lion and sign. Theta stays in a box with `low` or `high`, in a ball
    with `radius`.
    """

    name: str = "sgd"
    rate: Rate | None = None
    """Learning rate; set it for each problem."""
    momentum: float | None = None
    """momentum: weight of earlier updates."""
    beta1: float | None = None
    """adam, lion: decay of the mean."""
    beta2: float | None = None
    """adam, rms-scalar, lion: decay of the mean of squares, or of lion's mean."""
    epsilon: float | None = None
    """adam: added to the root of the mean square."""
    weight_decay: float | None = None
    """lion: decoupled weight decay."""
    longest: float | None = None
    """sgd, momentum: longest update; 0: no limit."""
    low: float | Arrays | None = None
    """Lower bounds of theta: a number, or arrays of theta's shape and dtype."""
    high: float | Arrays | None = None
    """Upper bounds of theta."""
    radius: float | None = None
    """Largest distance of theta from `centre`."""
    centre: Arrays | None = None
    """Centre of the ball, of theta's shape and dtype; 0 unless given."""


@dataclass(frozen=True)
class Inner:
    """Updates an adapter from a gradient.

    Names: adam, sgd, gradient-descent, nesterov, lbfgs and exact (for problems with closed-form minimisers).
    """

    name: str = "adam"
    rate: Rate | None = None
    """Learning rate; not for exact."""
    momentum: float | None = None
    """sgd: weight of the earlier velocity."""
    beta1: float | None = None
    """adam: decay of the mean of gradients."""
    beta2: float | None = None
    """adam: decay of the mean of squares."""
    epsilon: float | None = None
    """adam: added to the root of the mean square."""
    weight_decay: float | None = None
    """adam, sgd: decoupled weight decay."""
    clip: float | None = None
    """adam, sgd: largest norm of the gradient; 0: no limit."""
    strong_convexity: float | None = None
    """nesterov: the least curvature; 0: not known."""
    memory: int | None = None
    """lbfgs: number of pairs."""
    first_rate: float | None = None
    """lbfgs: learning rate until there is a pair."""
    max_step_norm: float | None = None
    """lbfgs: longest step; 0: no limit."""
    min_curvature: float | None = None
    """lbfgs: pairs of less curvature are skipped."""


@dataclass(frozen=True)
class Options:
    """Options of the outer loop. None: the default of the C++ struct BilevelOptions, docs/guide/options.md."""

    outer_steps: int | None = None
    """Steps of a solve; 100 unless given."""
    inner_steps: int | None = None
    """T, updates of s and of p in a step; 5 unless given."""
    penalty: Rate | None = None
    """Weight of G(p) - G(s); 10 unless given."""
    normalize_penalty: bool | None = None
    """Divide p's objective by 1 + penalty; True unless given."""
    inner_tolerance: float | None = None
    """Gradient norm at which the inner steps of a step end; 0: never."""
    divergence_factor: float | None = None
    """Limit of the growth of an inner loss; 1000 unless given; 0: none."""
    outer_tolerance: float | None = None
    """Projected gradient at which a solve ends; 0: never."""
    upper_with_lower: bool | None = None
    """Update p in every inner step; True unless given."""
    train_upper: bool | None = None
    """Whether p is updated; True unless given."""
    train_lower: bool | None = None
    """Whether s is updated; True unless given."""
    move_backbone: bool | None = None
    """Whether theta is updated; True unless given."""
    seed: int | None = None
    """Seed of directions, mini-batches and the choice of tasks; 0 unless given."""
    tasks_per_step: int | None = None
    """Tasks of a step; 0: all."""
    task_weights: Sequence[float] | None = None
    """Weights of the tasks for their choice; equal unless given."""
