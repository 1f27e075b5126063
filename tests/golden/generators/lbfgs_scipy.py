"""Writes tests/golden/lbfgs.txt with SciPy (pip install scipy): L-BFGS directions of scipy.optimize.LbfgsInvHessProduct.

Each case: a line `n pairs`, then a line each: every s, every y (oldest first), g, and H g. SciPy starts from the
identity; from γ I, γ = sᵀy/yᵀy of the newest pair, H is γ times its H of the pairs s/√γ, √γ y.
Run from anywhere: python tests/golden/generators/lbfgs_scipy.py
"""

from pathlib import Path

import numpy as np
from scipy.optimize import LbfgsInvHessProduct

GOLDEN = Path(__file__).resolve().parents[1]


def case(n: int, pairs: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Steps in a random convex quadratic whose curvatures spread over four decades, and the direction at g."""
    basis, _ = np.linalg.qr(rng.standard_normal((n, n)))
    hessian = basis @ np.diag(np.logspace(-2, 2, n)) @ basis.T
    s = rng.standard_normal((pairs, n)) * np.logspace(0, -3, pairs)[:, None]
    y = s @ hessian
    g = rng.standard_normal(n)
    gamma = s[-1] @ y[-1] / (y[-1] @ y[-1])
    direction = gamma * LbfgsInvHessProduct(s / np.sqrt(gamma), y * np.sqrt(gamma)).matvec(g)
    return [*s, *y, g, direction]


def main() -> None:
    rng = np.random.default_rng(1980)
    lines = []
    for n, pairs in [(3, 1), (5, 2), (8, 5), (20, 12)]:
        lines.append(f"{n} {pairs}")
        lines += [" ".join(repr(float(x)) for x in row) for row in case(n, pairs, rng)]
    (GOLDEN / "lbfgs.txt").write_text("\n".join(lines) + "\n")


main()
