"""Writes cases.json: inputs that f64 holds exactly, and their CKA by another route than the crate's.

The crate works on feature by feature products and running means. Here everything is n x n Gram matrices: in exact integer
arithmetic, rounded once at the end (mpmath, 50 digits), and once more in f64 with numpy as a check of this script.

    python make.py        # numpy and mpmath; rewrites cases.json beside it, byte for byte the same
"""

import json
import pathlib
import random

import mpmath
import numpy as np

mpmath.mp.dps = 50


def gaussian(seed, n, d, bits=8):
    rng = random.Random(seed)
    return [[round(rng.gauss(0, 1) * 2**bits) for _ in range(d)] for _ in range(n)]


def offset(m, by):
    return [[v + by * (j + 1) for j, v in enumerate(row)] for row in m]


def stretched(m):
    return [[v << max(0, 6 - 2 * j) for j, v in enumerate(row)] for row in m]


def mixed(m, seed, noise):
    """A random integer map of the rows, plus noise."""
    d = len(m[0])
    a = gaussian(seed, d, d, bits=2)
    e = gaussian(seed + 1, len(m), d, bits=8)
    return [
        [sum(v * a[k][j] for k, v in enumerate(row)) + noise * e[i][j] for j in range(d)]
        for i, row in enumerate(m)
    ]


def outlier(m):
    return [[v * 4096 for v in m[0]]] + m[1:]


# name: x and y as integers, each with the power of two that multiplies it
CASES = {
    "worked": ([[1], [2], [3], [4]], 0, [[1], [3], [2], [4]], 0),
    "fewer_rows_than_features": (gaussian(1, 8, 20), -8, gaussian(2, 8, 12), -8),
    "more_rows_than_features": (gaussian(3, 40, 3), -8, gaussian(4, 40, 5), -8),
    "anisotropic": (stretched(gaussian(5, 30, 6)), -8, stretched(gaussian(6, 30, 6)), -8),
    "offset": (offset(gaussian(7, 24, 4), 1 << 28), -8, offset(gaussian(8, 24, 4), -(1 << 27)), -8),
    "correlated": (gaussian(9, 32, 6), -8, mixed(gaussian(9, 32, 6), 10, 2), -10),
    "self": (gaussian(12, 12, 5), -8, gaussian(12, 12, 5), -8),
    "outlier_row": (outlier(gaussian(13, 20, 4)), -8, gaussian(14, 20, 4), -8),
    "unequal_widths": (gaussian(15, 10, 32), -8, gaussian(16, 10, 1), -8),
    "unequal_scales": (gaussian(17, 16, 4), -60, gaussian(18, 16, 3), 60),
    "fewest_rows": (gaussian(19, 4, 3), -8, gaussian(20, 4, 2), -8),
}


def gram(m):
    return np.array(m, dtype=object) @ np.array(m, dtype=object).T


def biased_hsic(k, l):
    """tr(K H L H) n^2, H = I - 11'/n: an integer for integer K, L."""
    n = len(k)
    h = n * np.eye(n, dtype=object).astype(int).astype(object) - 1
    return np.trace(k @ h @ l @ h)


def debiased_hsic(k, l):
    """HSIC_1 (Song et al. 2012) n (n-3) (n-1) (n-2), from Gram matrices without their diagonals."""
    n = len(k)
    k, l = k.copy(), l.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    kl = k @ l
    return (n - 1) * (n - 2) * np.trace(kl) + k.sum() * l.sum() - 2 * (n - 1) * kl.sum()


def cka(hsic, k, l):
    if k.dtype == object:
        k_l, k_k, l_l = (mpmath.mpf(int(v)) for v in (hsic(k, l), hsic(k, k), hsic(l, l)))
        return k_l / mpmath.sqrt(k_k * l_l)
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def participation(k):
    n = len(k)
    h = n * np.eye(n, dtype=object).astype(int).astype(object) - 1
    c = h @ k @ h
    return mpmath.mpf(int(np.trace(c) ** 2)) / mpmath.mpf(int((c * c).sum()))


def condition(k):
    """By how much rounding is magnified when the diagonal is taken out of tr(K H K H)."""
    n = len(k)
    biased = mpmath.mpf(int(biased_hsic(k, k))) / n**2
    return biased * (n - 1) * (n - 2) / mpmath.mpf(int(debiased_hsic(k, k)))


def main():
    cases = []
    for name, (x, x_exponent, y, y_exponent) in CASES.items():
        k, l = gram(x), gram(y)
        expected = {
            "biased": cka(biased_hsic, k, l),
            "debiased": cka(debiased_hsic, k, l),
            "x_participation": participation(k),
            "y_participation": participation(l),
            "condition": max(condition(k), condition(l)),
        }
        if name != "offset":
            # f64 cannot centre a Gram matrix 2^20 standard deviations from zero.
            for key, hsic in (("biased", biased_hsic), ("debiased", debiased_hsic)):
                assert abs(cka(hsic, k.astype(float), l.astype(float)) - expected[key]) < 1e-11, name
        for scaled in (x, y):
            assert all(abs(v) < 2**53 for row in scaled for v in row)
        cases.append(
            {
                "name": name,
                "rows": len(x),
                "x": sum(x, []),
                "x_exponent": x_exponent,
                "y": sum(y, []),
                "y_exponent": y_exponent,
                **{key: float(value) for key, value in expected.items()},
            }
        )
    path = pathlib.Path(__file__).with_name("cases.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
