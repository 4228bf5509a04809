"""Writes hard.json: rows of extreme scales, with outliers, far from zero, and kernels of extreme widths, with values of 80 digits.

    python hard.py        # mpmath 1; rewrites hard.json beside it

Elements are whole numbers times a power of two, so that f64 holds them exactly. Every value is by its definition:
- biased and debiased CKA from centred and from U-centred Gram matrices (Szekely & Rizzo 2014, definition 2);
- mini-batches: HSIC_1 of every 8 rows, averaged for each of the three terms, then their ratio (Nguyen et al. 2021);
- RBF: exp(-d^2 / (2 s^2)), with s the distance given, or the factor times the root of the median of d^2;
- Procrustes: the nuclear norm, from the eigenvalues of a product with its transpose.
"""

import json
import pathlib
import random

import mpmath as mp

mp.mp.dps = 80
BATCH = 8


def units(seed, n, d):
    rng = random.Random(seed)
    return [[round(rng.gauss(0, 1) * 256) for _ in range(d)] for _ in range(n)]


def mixed(m, seed, d):
    """The rows of `m` times a random matrix, and noise."""
    a, e = units(seed, len(m[0]), d), units(seed + 1, len(m), d)
    return [[sum(v * a[k][j] for k, v in enumerate(row)) // 64 + 3 * e[i][j] for j in range(d)] for i, row in enumerate(m)]


def changed(m, *places):
    m = [row[:] for row in m]
    for row, col, value in places:
        m[row][col] = value
    return m


def moved(m, by):
    return [[value + by * (1 - 2 * (j % 2)) for j, value in enumerate(row)] for row in m]


X, Y = units(1, 32, 4), mixed(units(1, 32, 4), 2, 3)
WIDE = units(5, 12, 20), mixed(units(5, 12, 20), 6, 16)
FAR = 256_000_000
# name: x, its exponent, y, its exponent, the distance of the RBF
CASES = {
    "plain": (X, -8, Y, -8, 1.5),
    "tiny": (X, -571, Y, -667, 1e-170),
    "huge": (X, 491, Y, 833, 1e260),
    "subnormal_f32": (X, -149, Y, -149, 1e-42),
    "far_apart_scales": (X, -830, Y, 830, 1.0),
    "wide_kernel": (X, -38, Y, -38, 1.0),
    "very_wide_kernel": (X, -38, Y, -38, 1e250),
    "narrow_kernel": (X, -8, Y, -8, 0.3),
    "outlier": (changed(X, (5, 1, FAR)), -8, Y, -8, 1e6),
    "outlier_in_both": (changed(X, (5, 1, FAR)), -8, changed(Y, (5, 2, FAR)), -8, 1e6),
    "outliers_in_two_rows": (changed(X, (5, 1, FAR)), -8, changed(Y, (21, 2, -FAR)), -8, 1e6),
    "far_from_zero": (moved(X, 2**38), -8, moved(Y, -(2**40)), -8, 2.0),
    "wide": (WIDE[0], -531, WIDE[1], 531, 1e-158),
    "wide_outlier": (changed(WIDE[0], (3, 7, FAR)), -10, changed(WIDE[1], (3, 9, FAR)), -10, 1e3),
    "duplicated_columns": ([row + row[:2] for row in X], -598, [row + [row[0]] for row in Y], 0, 1e-178),
    "few_rows": (X[:4], -515, Y[:4], 515, 1e-150),
}


def centred(rows):
    means = [mp.fsum(col) / len(rows) for col in zip(*rows)]
    return [[value - mean for value, mean in zip(row, means)] for row in rows]


def gram(rows):
    return [[mp.fdot(a, b) for b in rows] for a in rows]


def inner(a, b):
    return mp.fsum(mp.fdot(p, q) for p, q in zip(a, b))


def double_centred(k):
    n = len(k)
    means = [mp.fsum(row) / n for row in k]
    mean = mp.fsum(means) / n
    return [[k[i][j] - means[i] - means[j] + mean for j in range(n)] for i in range(n)]


def u_centred(k):
    n = len(k)
    sums = [mp.fsum(row) - row[i] for i, row in enumerate(k)]
    total = mp.fsum(sums) / ((n - 1) * (n - 2))
    return [[0 if i == j else k[i][j] - (sums[i] + sums[j]) / (n - 2) + total for j in range(n)] for i in range(n)]


def ratio(a, b):
    return inner(a, b) / mp.sqrt(inner(a, a) * inner(b, b))


def squared_distances(rows):
    return [[mp.fsum((p - q) ** 2 for p, q in zip(a, b)) for b in rows] for a in rows]


def rbf(rows, width):
    return [[mp.exp(-d / (2 * width**2)) for d in row] for row in squared_distances(rows)]


def median_width(rows):
    values = sorted(d for row in squared_distances(rows) for d in row)
    return mp.sqrt((values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2)


def minibatch(x, y):
    terms = [mp.mpf(0)] * 3
    for start in range(0, len(x) - BATCH + 1, BATCH):
        a, b = (u_centred(gram(centred(m[start : start + BATCH]))) for m in (x, y))
        terms = [t + v for t, v in zip(terms, (inner(a, b), inner(a, a), inner(b, b)))]
    return terms[0] / mp.sqrt(terms[1] * terms[2])


def procrustes(x, y):
    x, y = mp.matrix(centred(x)), mp.matrix(centred(y))
    x, y = x / mp.norm(x), y / mp.norm(y)
    cross = x.T * y
    square = cross.T * cross if cross.cols <= cross.rows else cross * cross.T
    return mp.fsum(mp.sqrt(abs(value)) for value in mp.eigsy(square, eigvals_only=True))


def main():
    cases = []
    for name, (x_units, x_exponent, y_units, y_exponent, width) in CASES.items():
        sides = (x_units, x_exponent), (y_units, y_exponent)
        x, y = ([[mp.mpf(value) * mp.mpf(2) ** exponent for value in row] for row in m] for m, exponent in sides)
        k, l = gram(centred(x)), gram(centred(y))
        expected = {"biased": ratio(k, l), "debiased": ratio(u_centred(k), u_centred(l)), "procrustes": procrustes(x, y)}
        # The same width beside either side, whatever its scale.
        widths = mp.mpf(width), mp.mpf(width)
        for key, (a, b) in {"rbf": widths, "rbf_median": (median_width(x), median_width(y))}.items():
            mp.mp.dps = 600
            a, b = rbf(x, a), rbf(y, b)
            if any(p != 1 for row in a for p in row) and any(p != 1 for row in b for p in row):
                expected[key] = ratio(double_centred(a), double_centred(b))
                expected[f"{key}_debiased"] = ratio(u_centred(a), u_centred(b))
            mp.mp.dps = 80
        if len(x) >= BATCH:
            expected["minibatch"] = minibatch(x, y)
        case = {"name": name, "rows": len(x), "width": width}
        for side, (m, exponent) in zip("xy", sides):
            case |= {side: sum(m, []), f"{side}_exponent": exponent}
        cases.append(case | {key: float(value) for key, value in expected.items()})
    path = pathlib.Path(__file__).with_name("hard.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
