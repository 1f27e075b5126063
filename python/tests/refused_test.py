"""What is refused: options, arrays and functions; and exceptions of callables."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from quadratic import DESCENT, quadratic

import zofo


class Stop(Exception):
    """Raised by a callable."""


@pytest.mark.parametrize("function", ["upper", "upper_gradient", "lower", "lower_gradient"])
def test_exception_of_a_callable(function: str) -> None:
    good = quadratic()
    calls = 0
    raised = Stop("enough")

    def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 25:
            raise raised
        return getattr(good, function)(*arguments)

    replaced: dict[str, Any] = {function: failing}
    solver = zofo.Solver(dataclasses.replace(good, **replaced), outer=zofo.Outer(rate=0.02), lower=DESCENT)
    theta, p, s = np.zeros(3), np.zeros(3), np.zeros(3)
    before: list[bytes] = []

    def copy(report: zofo.StepReport) -> None:
        before[:] = [x.tobytes() for x in (theta, p, s)]

    with pytest.raises(Stop) as caught:
        solver.solve(theta, p, s, observer=copy)
    assert caught.value is raised
    assert solver.steps > 0 and before == [x.tobytes() for x in (theta, p, s)]
    calls = -(10**6)
    solver.step(theta, p, s)  # the step can be repeated
    assert before[0] != theta.tobytes()


def test_exception_of_an_observer() -> None:
    def observer(report: zofo.StepReport) -> None:
        raise Stop

    solver = zofo.Solver(quadratic(), lower=DESCENT)
    with pytest.raises(Stop):
        solver.solve(np.zeros(2), np.zeros(2), np.zeros(2), observer=observer)
    assert solver.steps == 1


def bad(message: str, call: Any) -> None:
    with pytest.raises(zofo.Error) as caught:
        call()
    assert message in str(caught.value)


def test_bad_options() -> None:
    def make(**policies: Any) -> Any:
        return lambda: zofo.Solver(quadratic(), **policies)

    bad("rate = -1: must be a finite number in", make(outer=zofo.Outer(rate=-1)))
    bad("outer = 'foo': must be one of sgd, momentum, adam, rms-scalar, lion, sign", make(outer="foo"))
    bad("perturbation = 'x': must be one of gaussian, rademacher", make(perturbation="x"))
    bad("estimator = 'x': must be one of central", make(estimator="x"))
    bad("inner optimiser = 'x': must be one of adam", make(lower="x"))
    bad('variance_reduction = "x": must be one of', make(estimator=zofo.Estimator(variance_reduction="x")))
    bad("perturbation 'gaussian': has no field 'rank'", make(perturbation=zofo.Perturbation("gaussian", rank=2)))
    bad("outer 'sgd': has no field 'momentum'", make(outer=zofo.Outer(momentum=0.5)))
    bad("inner optimiser 'exact': has no field 'rate'", make(lower=zofo.Inner("exact", rate=0.1)))
    bad("inner_steps = 0: must be at least 1", make(options=zofo.Options(inner_steps=0)))
    bad("outer_steps = -1: must be a whole number in", make(options=zofo.Options(outer_steps=-1)))
    bad("queries = 1.5: must be a whole number in", make(estimator=zofo.Estimator(queries=1.5)))  # type: ignore[arg-type]
    bad("epsilon = 'x': must be a number", make(estimator=zofo.Estimator(epsilon="x")))  # type: ignore[arg-type]
    bad("fraction = 2", make(perturbation=zofo.Perturbation("sparse", fraction=2)))
    bad("penalty = nan", make(options=zofo.Options(penalty=math.nan)))
    bad("not in both", make(outer=zofo.Outer(low=0.0, radius=1.0)))
    bad("centre: only together with radius", make(outer=zofo.Outer(centre=np.zeros(2))))
    bad("upper: int: must be callable", lambda: zofo.Solver(zofo.Problem(1, 2, 3, 4)))  # type: ignore[arg-type]
    bad("tasks_per_step = 3: must be at most the 1 tasks", make(options=zofo.Options(tasks_per_step=3)))


def test_bad_arrays() -> None:
    def solve(theta: Any = None, p: Any = None, s: Any = None) -> Any:
        x = [np.zeros(4) if each is None else each for each in (theta, p, s)]
        return lambda: zofo.Solver(quadratic(), lower=DESCENT).solve(*x)

    read_only = np.zeros(4)
    read_only.setflags(write=False)
    shared = np.zeros(6)
    bad("theta: dtype int64: must be float32 or float64", solve(np.zeros(4, int)))
    bad("theta: dtype >f8: must be", solve(np.zeros(4, ">f8")))
    bad("theta: its rows have gaps: must be C-contiguous", solve(np.zeros(8)[::2]))
    bad("theta: is read-only: must be writable", solve(read_only))
    bad("theta: int: must be a NumPy array", solve(3))
    bad("theta['w']: dtype int64", solve({"w": np.zeros(4, int)}))
    bad("p (upper adapter): list: must be a NumPy array", solve(p=[0.0] * 4))
    bad("s (lower adapter): dtype float32: must be float64", solve(s=np.zeros(4, np.float32)))
    bad("s (lower adapter) has 3 coordinates: must have 4, as p", solve(s=np.zeros(3)))
    bad("p[0] and s[0]: share memory", solve(p=shared[:4], s=shared[2:]))
    bad("theta has no coordinates", lambda: zofo.minimize(lambda x: 0.0, np.zeros(0)))
    bad("lower bound", lambda: zofo.minimize(lambda x: 0.0, np.zeros(3), outer=zofo.Outer(low=np.zeros(2))))


def test_bad_functions() -> None:
    theta = np.ones(2)
    bad("upper: returned an object of type str: must be a number", lambda: zofo.minimize(lambda x: "a", theta))
    bad("the loss of probe 0 is nan: must be finite", lambda: zofo.minimize(lambda x: math.nan, theta))
    assert theta.tolist() == [1, 1]
    with pytest.raises(TypeError, match="positional argument"):
        zofo.minimize(lambda: 0.0, theta)
    g = zofo.Problem(upper=lambda t, p: 0.0, upper_gradient=lambda t, p: (0.0, np.zeros(3)), lower=lambda t, p: 0.0,
                     lower_gradient=lambda t, p: (0.0, np.zeros(2)))
    p, s = np.zeros(2), np.zeros(2)
    bad("upper_gradient: the gradient has shape (3,): must be (2,), as p", lambda: zofo.Solver(g).solve(theta, p, s))
    h = zofo.Problem(upper=g.upper, upper_gradient=lambda t, p: 0.0, lower=g.lower, lower_gradient=g.lower_gradient)
    bad("upper_gradient: returned an object of type float: must be a tuple", lambda: zofo.Solver(h).solve(theta, p, s))
    bad("lower_solution: the problem has no such function", lambda: zofo.Solver(g, lower="exact", upper=DESCENT) and
        zofo.Solver(zofo.Problem(g.upper, g.lower_gradient, g.lower, g.lower_gradient), lower="exact").solve(theta, p, s))

    def write(x: Any) -> float:
        x[0] = 1.0
        return 0.0

    with pytest.raises(ValueError, match="read-only"):
        zofo.minimize(write, theta)
