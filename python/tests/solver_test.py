"""The solver on problems with closed forms."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from quadratic import DESCENT, PENALTY, minimum, quadratic

import zofo


def solved(problem: zofo.Problem, dtype: Any = np.float64, **policies: Any) -> NDArray[Any]:
    policies = {"outer": zofo.Outer(rate=0.02), "lower": DESCENT, **policies}
    solver = zofo.Solver(problem, options=zofo.Options(outer_steps=600, penalty=PENALTY), **policies)
    theta, p, s = (np.zeros(4, dtype) for _ in range(3))
    solver.solve(theta, p, s)
    return theta


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("batches", [False, True])
def test_known_solution(in_place: bool, batches: bool) -> None:
    np.testing.assert_allclose(solved(quadratic(in_place, batches)), minimum(), atol=1e-3)


def test_known_solution_in_single_precision() -> None:
    theta = solved(quadratic(True), np.float32, estimator=zofo.Estimator(epsilon=0.02))
    assert theta.dtype == np.float32
    np.testing.assert_allclose(theta, minimum(), atol=2e-2)


@pytest.mark.parametrize("perturbation", [
    "gaussian", "rademacher", "sphere", "coordinate", zofo.Perturbation("low-rank", rank=4), "random-sparse",
    zofo.Perturbation("sparse", fraction=1.0), zofo.Perturbation("orthogonal", queries=2)])
def test_perturbations(perturbation: Any) -> None:
    theta = solved(quadratic(), perturbation=perturbation, estimator=zofo.Estimator(queries=2), outer=zofo.Outer(rate=0.05))
    np.testing.assert_allclose(theta, minimum(), atol=0.02)


@pytest.mark.parametrize("estimator", [
    zofo.Estimator(queries=2), zofo.Estimator("forward", epsilon=1e-6, queries=2),
    zofo.Estimator("one-point-residual", epsilon=0.1),
    zofo.Estimator(variance_reduction="svrg"), zofo.Estimator(variance_reduction="spider"),
    zofo.Estimator(variance_reduction="storm", weight=0.5)])
def test_estimators(estimator: zofo.Estimator) -> None:
    theta = solved(quadratic(), estimator=estimator, outer=zofo.Outer(rate=0.01))
    np.testing.assert_allclose(theta, minimum(), atol=0.1)


def test_random_signs_are_a_control() -> None:
    theta = solved(quadratic(), estimator=zofo.Estimator(random_sign=True), outer=zofo.Outer(rate=0.01))
    assert abs(theta - minimum()).max() > 0.2


@pytest.mark.parametrize("outer", [
    zofo.Outer("sgd", rate=0.02), zofo.Outer("sgd", rate=0.02, longest=0.1), zofo.Outer("momentum", rate=0.003),
    zofo.Outer("adam", rate=0.01), zofo.Outer("lion", rate=zofo.Schedule.linear(0.01, 0.0, 600)),
    zofo.Outer("sign", rate=zofo.Schedule.linear(0.01, 0.0, 600)), zofo.Outer("rms-scalar", rate=0.01)])
def test_outer_optimisers(outer: zofo.Outer) -> None:
    theta = solved(quadratic(), estimator=zofo.Estimator(queries=4), outer=outer)
    np.testing.assert_allclose(theta, minimum(), atol=0.1)


@pytest.mark.parametrize("lower", [
    "adam", zofo.Inner("sgd", rate=0.2), DESCENT, zofo.Inner("nesterov", rate=0.25), zofo.Inner("lbfgs", first_rate=0.2),
    "exact"])
def test_inner_optimisers(lower: Any) -> None:
    if lower == "adam":
        lower = zofo.Inner("adam", rate=0.05)
    np.testing.assert_allclose(solved(quadratic(), lower=lower), minimum(), atol=0.05)


def test_constraints() -> None:
    exact: dict[str, Any] = {  # as many orthogonal directions as coordinates: the gradient without noise
        "perturbation": zofo.Perturbation("orthogonal", queries=4), "estimator": zofo.Estimator(queries=4)}
    box = solved(quadratic(), outer=zofo.Outer(rate=0.02, low=np.zeros(4), high=np.array([0.5, 2.0, 0.25, 2.0])), **exact)
    np.testing.assert_allclose(box, [0.5, minimum(), 0.25, minimum()], atol=1e-3)
    ball = solved(quadratic(), outer=zofo.Outer(rate=0.02, radius=0.5), **exact)
    np.testing.assert_allclose(ball, 0.25, atol=1e-6)
    around = solved(quadratic(), outer=zofo.Outer(rate=0.02, radius=0.5, centre=np.full(4, -1.0)), **exact)
    np.testing.assert_allclose(around, -0.75, atol=1e-6)


def test_several_tasks() -> None:
    """phi = the mean of |theta - goal|^2, up to a factor."""

    def pull(goal: float) -> zofo.Problem:
        return zofo.Problem(
            upper=lambda theta, p: ((p - goal) ** 2).sum(), upper_gradient=lambda theta, p: (((p - goal) ** 2).sum(), 2 * (p - goal)),
            lower=lambda theta, p: ((p - theta) ** 2).sum(), lower_gradient=lambda theta, p: (((p - theta) ** 2).sum(), 2 * (p - theta)))

    solver = zofo.Solver([pull(1.0), pull(3.0)], outer=zofo.Outer(rate=0.05), lower=DESCENT, options=zofo.Options(outer_steps=300))
    theta, p, s = np.zeros(2), [np.zeros(2), np.zeros(2)], [np.zeros(2), np.zeros(2)]
    solver.solve(theta, p, s)
    np.testing.assert_allclose(theta, 2.0, atol=1e-3)
    assert (p[0] < p[1]).all()


def test_theta_of_several_arrays() -> None:
    def f(theta: Any) -> float:
        assert set(theta) == {"weight", "bias"}
        return float(((theta["weight"] - 1) ** 2).sum() + ((theta["bias"] + 1) ** 2).sum())

    theta: dict[str, NDArray[Any]] = {"weight": np.zeros((2, 3)), "bias": np.zeros(2, np.float32)}
    zofo.minimize(f, theta, steps=3000, learning_rate=0.02, epsilon=1e-2, perturbation=zofo.Perturbation("low-rank", rank=3))
    np.testing.assert_allclose(theta["weight"], 1, atol=1e-2)
    np.testing.assert_allclose(theta["bias"], -1, atol=1e-2)
    pair = (np.zeros(2), np.zeros(3))
    zofo.minimize(lambda t: float(((t[0] - 1) ** 2).sum() + ((t[1] - 2) ** 2).sum()), pair, steps=2000, learning_rate=0.02)
    np.testing.assert_allclose(pair[1], 2, atol=1e-2)


def test_mini_batches() -> None:
    y = np.linspace(-1, 3, 100)
    keys: list[zofo.BatchKey] = []

    def f(theta: Any, key: zofo.BatchKey) -> float:
        keys.append(key)
        return float(((theta[0] - y[key.sample(len(y), 10)]) ** 2).mean())

    theta = np.zeros(1)
    zofo.minimize(f, theta, steps=1000, learning_rate=zofo.Schedule.linear(0.1, 0.0, 1000), batches=True)
    assert abs(theta[0] - y.mean()) < 0.05
    assert keys[0] == keys[1] != keys[2]  # both evaluations of a direction use one mini-batch
    epoch = sorted(i for step in range(10) for i in zofo.BatchKey(seed=1, step=step).sample(100, 10))
    assert epoch == list(range(100))


def test_observer_and_continuation() -> None:
    reports: list[zofo.StepReport] = []
    solver = zofo.Solver(quadratic(), outer=zofo.Outer(rate=0.02), lower=DESCENT)
    theta, p, s = np.zeros(3), np.zeros(3), np.zeros(3)

    def three(report: zofo.StepReport) -> bool:
        reports.append(report)
        return report.step < 2

    end = solver.solve(theta, p, s, observer=three)
    assert (end.termination, end.steps, solver.steps) == ("observer", 3, 3)
    assert [report.step for report in reports] == [0, 1, 2] and end.last == reports[-1]
    assert solver.step(theta, p, s).step == 3
    whole = zofo.Solver(quadratic(), outer=zofo.Outer(rate=0.02), lower=DESCENT, options=zofo.Options(outer_steps=4))
    other, q, r = np.zeros(3), np.zeros(3), np.zeros(3)
    whole.solve(other, q, r)
    assert other.tobytes() == theta.tobytes() and q.tobytes() == p.tobytes() and r.tobytes() == s.tobytes()
    assert all(len(report.update) == 1 for report in reports)


def test_arrays_are_not_copied() -> None:
    theta, p, s = np.zeros(5), np.zeros(5), np.zeros(5)
    seen: dict[str, set[int]] = {"theta": set(), "p": set(), "gradient": set()}

    def address(x: Any) -> int:
        return int(x.ctypes.data)

    def g(t: Any, x: Any, *out: Any) -> float:
        seen["theta"].add(address(t))
        seen["p"].add(address(x))
        assert not t.flags.writeable and not x.flags.writeable
        if out:
            seen["gradient"].add(address(out[0]))
            out[0][:] = 2 * (x - t)
        return float(((x - t) ** 2).sum())

    problem = zofo.Problem(upper=g, upper_gradient=g, lower=g, lower_gradient=g, in_place=True)
    zofo.Solver(problem, lower=DESCENT, options=zofo.Options(outer_steps=5)).solve(theta, p, s)
    # gradients are taken at theta itself; the two others are theta +- epsilon z, whose memory is reused
    assert address(theta) in seen["theta"] and len(seen["theta"]) == 3
    assert seen["p"] == {address(p), address(s)}
    assert len(seen["gradient"]) <= 3  # of s, of p, and of G at p


def test_theta_is_the_memory_of_the_caller() -> None:
    block = np.zeros(10)
    zofo.minimize(lambda x: float(((x - 1) ** 2).sum()), block[2:6], steps=800, learning_rate=0.05)
    np.testing.assert_allclose(block, [0, 0, 1, 1, 1, 1, 0, 0, 0, 0], atol=1e-3)
