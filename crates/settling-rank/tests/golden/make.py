"""Writes spectra.json: matrices with their singular values and effective ranks, computed by mpmath with 60 digits.

Run:  python make.py > spectra.json      (numpy 2.4.6, mpmath 1.3.0; numpy only rounds and draws the inputs)

The elements are written in Python's shortest form that reads back to the same f64, so the inputs of the two sides are equal
to the last bit. Integers and dyadic fractions are used wherever they serve, because they are short.
"""

import json

import mpmath
import numpy as np

mpmath.mp.dps = 60
rng = np.random.default_rng(20240217)


def integers(rows, cols, bound=9):
    return rng.integers(-bound, bound + 1, (rows, cols)).astype(float)


def kahan(n, s=0.6, c=0.8):
    return np.array([[0.0 if j < i else s**i * (1.0 if i == j else -c) for j in range(n)] for i in range(n)])


def conditioned(n, condition):
    """Singular values in geometric progression from 1 to 1 / condition, up to the rounding of the elements."""
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in "uv")
    return left @ np.diag(np.geomspace(1.0, 1.0 / condition, n)) @ right


def circulant(n):
    """On 16 x 16, faer 0.24.4 reports that the direct method does not converge."""
    return (np.roll(np.eye(n), 1, 0) + np.roll(np.eye(n), -1, 0) - 2 * np.eye(n)) * 1.223


def matrices():
    yield "one by one", np.array([[-3.0]])
    yield "row", integers(1, 9)
    yield "column", integers(9, 1)
    yield "identity", np.eye(7)
    yield "two by two", np.array([[3.0, 0.0], [4.0, 5.0]])
    yield "ones", np.ones((6, 11))
    yield "random square", integers(16, 16)
    yield "random tall", integers(40, 6)
    yield "random wide", integers(8, 32)
    yield "random nearly square", integers(13, 12)
    yield "random large", integers(40, 40, 99)
    yield "rank one", np.outer(integers(10, 1), integers(1, 8))
    yield "rank two", integers(12, 2) @ integers(2, 9)
    yield "rank seven of twenty", integers(20, 7) @ integers(7, 20)
    yield "repeated rows", np.repeat(integers(4, 10), 3, 0)
    yield "zero columns", np.hstack([integers(7, 3), np.zeros((7, 4))])
    centred = integers(8, 6) * 8.0
    yield "centred", centred - centred.mean(0)  # eighths of integers times eight: exact
    yield "Hilbert", np.array([[1.0 / (i + j + 1) for j in range(12)] for i in range(12)])
    yield "Kahan", kahan(12)
    for exponent in (4, 8, 12, 16):
        yield f"condition 1e{exponent}", conditioned(10, 10.0**exponent)
    yield "graded columns", integers(9, 9) * 2.0 ** (-6 * np.arange(9))
    yield "graded rows and columns", integers(8, 8) * 2.0 ** -(5.0 * np.add.outer(np.arange(8), np.arange(8)))
    yield "columns down to 1e-152", integers(6, 6) * 10.0 ** np.linspace(0, -152, 6)
    yield "gap of eps", np.diag([1.0, 1.0, 1.0 - 2.0**-52, 1.0 - 2.0**-51, 0.5])
    yield "circulant 16", circulant(16)
    yield "circulant 5", circulant(5)
    yield "outlier row", np.vstack([integers(9, 7), integers(1, 7) * 2.0**30])
    yield "near f32 max", integers(7, 5) * 2.0**124
    yield "f32 subnormal", integers(7, 5) * 2.0**-149
    yield "near 1e300", integers(5, 6) * 1e300
    yield "near 1e-300", integers(5, 6) * 1e-300
    yield "Toeplitz", np.array([[2.0 ** -abs(i - j) for j in range(14)] for i in range(14)])
    yield "triangle of ones", np.tril(np.ones((15, 15)))


def spectrum(a):
    rows = a.tolist() if a.shape[0] >= a.shape[1] else a.T.tolist()
    # mpmath's convergence test is absolute: bring the largest element near 1, exactly.
    scale = mpmath.mpf(2) ** int(np.frexp(np.abs(a).max())[1])
    values = mpmath.svd_r(mpmath.matrix(rows) / scale, compute_uv=False)
    return sorted((value * scale for value in values), reverse=True)


def effective_rank(values):
    total = mpmath.fsum(values)
    shares = [value / total for value in values if value > 0]
    return mpmath.exp(-mpmath.fsum(p * mpmath.log(p) for p in shares))


def shortest(x):
    x = float(x)
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)


cases = []
for name, a in matrices():
    values = spectrum(a)
    cases.append({
        "name": name,
        "rows": a.shape[0],
        "cols": a.shape[1],
        "elements": " ".join(shortest(x) for x in a.flatten()),
        "singular_values": " ".join(mpmath.nstr(value, 20) for value in values),
        "effective_rank": mpmath.nstr(effective_rank(values), 20),
    })
print(json.dumps({"mpmath": mpmath.__version__, "numpy": np.__version__, "cases": cases}, indent=1))
