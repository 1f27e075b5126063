"""User CPU time of a solver's step with a million coordinates: Python against C++, in pairs.

    python python/benchmarks/step.py PROGRAM [--pairs 10] [--steps 100]

PROGRAM is the target zofo_python_step of a build with the same flags as the package. The functions compute next to
nothing, so that the whole difference is the cost of Python. Both use one thread.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
from typing import Any

import numpy as np

import zofo

COORDINATES = 1_000_000


def seconds() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def f(theta: Any, p: Any = None) -> float:
    return float(theta[0]) ** 2


def df(theta: Any, p: Any, out: Any) -> float:
    out[:] = p
    return float(theta[0]) ** 2


def measure(problem: str, steps: int) -> float:
    """Seconds of a step in this process."""
    theta = np.zeros(COORDINATES)
    size = 0 if problem == "single" else COORDINATES
    p, s = np.zeros(size), np.zeros(size)
    single = {"penalty": 0.0, "train_upper": False, "train_lower": False} if problem == "single" else {}
    options: dict[str, Any] = {"inner_steps": 1, **single}
    solver = zofo.Solver(zofo.Problem(f, df, f, df, in_place=True), outer=zofo.Outer(rate=1e-6),
                         lower=zofo.Inner("sgd", rate=0.1), options=zofo.Options(**options))
    solver.solve(theta, p, s, steps=2)  # allocates
    start = seconds()
    solver.solve(theta, p, s, steps=steps)
    return (seconds() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--measure", choices=["single", "bilevel"])
    given = parser.parse_args()
    if given.measure:
        print(measure(given.measure, given.steps))
        return
    # Large pages, which NumPy asks for, would hide the overhead: Python would be faster.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMPY_MADVISE_HUGEPAGE": "0"}

    def run(*command: str) -> float:
        return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    for problem, policies in [(each, kind) for each in ("single", "bilevel") for kind in ("compiled", "chosen")]:
        ratios, cpp, python = [], [], []
        for _ in range(given.pairs):
            cpp.append(run(given.program, problem, str(given.steps), policies))
            python.append(run(sys.executable, __file__, given.program, "--measure", problem, "--steps", str(given.steps)))
            ratios.append(python[-1] / cpp[-1])
        print(f"{problem}, {policies} policies: C++ {1e3 * statistics.median(cpp):.3f} ms, Python {1e3 * statistics.median(python):.3f} ms; "
              f"ratio: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")


if __name__ == "__main__":
    main()
