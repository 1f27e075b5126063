"""Threads, the GIL, Ctrl-C and reference cycles."""

import gc
import signal
import threading
import time
import weakref
from typing import Any

import numpy as np
import pytest
from quadratic import DESCENT, quadratic

import zofo


def test_solver_is_not_entered_twice() -> None:
    theta, p, s = np.zeros(2), np.zeros(2), np.zeros(2)
    solver = zofo.Solver(quadratic(), lower=DESCENT)
    with pytest.raises(zofo.Error, match="solver: is running"):
        solver.solve(theta, p, s, observer=lambda report: solver.step(theta, p, s) is None)


def test_gil_is_released() -> None:
    """Another thread counts while C++ generates directions and updates theta."""
    theta = np.zeros(4_000_000)
    inside = False
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += not inside
            time.sleep(0)

    def f(x: Any) -> float:
        nonlocal inside
        inside = True
        result = float(x[0])
        inside = False
        return result

    thread = threading.Thread(target=count)
    thread.start()
    start = time.monotonic()
    end = zofo.minimize(f, theta, steps=20, learning_rate=0.0)
    done.set()
    thread.join()
    # With the GIL held, the other thread would run only where callables give it up: about 40 times.
    assert end.losses == 40 and counted > 1000, (counted, time.monotonic() - start)


def solved() -> bytes:
    theta, p, s = np.zeros(4), np.zeros(4), np.zeros(4)
    zofo.Solver(quadratic(), outer=zofo.Outer(rate=0.02), lower=DESCENT).solve(theta, p, s)
    return theta.tobytes()


def test_two_solvers_in_two_threads() -> None:
    results: list[bytes] = []

    def run() -> None:
        results.append(solved())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [solved()] * 2


def test_ctrl_c() -> None:
    """SIGINT ends a solve after a step, even if no callable is written in Python."""
    theta = np.zeros(1000)
    timer = threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        zofo.minimize(np.sum, theta, steps=10**8, learning_rate=1e-9)
    timer.join()


def test_solver_in_a_cycle_is_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.solver = zofo.Solver(zofo.Problem(self.f, self.f, self.f, self.f))

        def f(self, *arguments: Any) -> float:
            return 0.0

    owner = Owner()
    alive = weakref.ref(owner)
    del owner
    gc.collect()
    assert alive() is None
