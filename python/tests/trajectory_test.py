"""Runs equal those of the C++ solver with the same seed, bit by bit.

Where ZOFO_TRAJECTORIES names the program of trajectories.cpp, compiled with the flags of the package, its output is
what is expected. Else it is trajectories.json, which the program printed in a build for every processor
(ZOFO_NATIVE=OFF), as wheels are.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zofo

HERE = Path(__file__).parent
START = (0.5, -0.25, 2.0, 0.0, 1.5)


def reference() -> dict[str, dict[str, list[str]]]:
    program = os.environ.get("ZOFO_TRAJECTORIES")
    if program:
        text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    else:
        text = (HERE / "trajectories.json").read_text(encoding="utf-8")
    result: dict[str, dict[str, list[str]]] = json.loads(text)
    return result


# Loops in the order of the C++ program, so that the losses have the same bits.
def upper(theta: Any, p: Any) -> float:
    total = 0.0
    for x in p.tolist():
        total += (x - 1.0) * (x - 1.0)
    for x in theta.tolist():
        total += 0.1 * (x * x)
    return total


def lower(theta: Any, p: Any) -> float:
    total = 0.0
    for x, t in zip(p.tolist(), theta.tolist()):
        total += (x - t) * (x - t)
    return total


def function(theta: Any) -> float:
    total = 0.0
    for x in theta.tolist():
        total += (x - 1.0) * (x - 1.0)
    return total


QUADRATIC = zofo.Problem(
    upper=upper,
    upper_gradient=lambda theta, p: (upper(theta, p), 2.0 * (p - 1.0)),
    lower=lower,
    lower_gradient=lambda theta, p: (lower(theta, p), 2.0 * (p - theta)),
)

POLICIES: dict[str, dict[str, Any]] = {
    "default": {},
    "descent": {
        "estimator": zofo.Estimator(epsilon=1e-3, queries=2),
        "outer": zofo.Outer(rate=0.02),
        "lower": zofo.Inner("gradient-descent", rate=0.1),
    },
    "gaussian_forward": {
        "perturbation": "gaussian",
        "estimator": zofo.Estimator("forward", epsilon=1e-4, queries=3),
        "outer": zofo.Outer("momentum", rate=0.002),
        "lower": zofo.Inner("sgd", rate=zofo.Schedule.cosine(0.1, 0.01, 100), momentum=0.5),
    },
    "sphere_svrg": {
        "perturbation": "sphere",
        "estimator": zofo.Estimator(epsilon=1e-3, variance_reduction="svrg", period=5, batches=3),
        "outer": zofo.Outer("adam", rate=0.01),
        "lower": zofo.Inner("nesterov", rate=0.1, strong_convexity=2.0),
    },
    "orthogonal_lion": {
        "perturbation": zofo.Perturbation("orthogonal", queries=3),
        "estimator": zofo.Estimator(epsilon=1e-3, queries=3),
        "outer": zofo.Outer("lion", rate=zofo.Schedule.linear(0.02, 0.0, 40)),
        "lower": zofo.Inner(rate=0.05, weight_decay=0.01),
    },
    "coordinate_box": {
        "perturbation": "coordinate",
        "estimator": zofo.Estimator("one-point-residual", epsilon=0.01, queries=2),
        "outer": zofo.Outer(rate=0.01, low=-1.0, high=0.9),
        "lower": zofo.Inner("gradient-descent", rate=0.2),
    },
}


def bits(x: Any) -> list[str]:
    return [float(each).hex() for each in x]


def expected(numbers: list[str]) -> list[str]:
    return [float.fromhex(each).hex() for each in numbers]


@pytest.mark.parametrize("name", POLICIES)
def test_solver(name: str) -> None:
    want = reference()[name]
    options = zofo.Options(outer_steps=40, inner_steps=4, penalty=10.0, seed=7)
    solver = zofo.Solver(QUADRATIC, options=options, **POLICIES[name])
    theta, p, s = np.array(START), np.zeros(5), np.zeros(5)
    solver.solve(theta, p, s)
    assert bits(theta) == expected(want["theta"])
    assert bits(p) == expected(want["p"])
    assert bits(s) == expected(want["s"])
    assert bits(theta) != bits(START)


def test_minimize() -> None:
    theta = np.array(START)
    zofo.minimize(function, theta, steps=50, learning_rate=0.02, queries=2, seed=3)
    assert bits(theta) == expected(reference()["minimize"]["theta"])
