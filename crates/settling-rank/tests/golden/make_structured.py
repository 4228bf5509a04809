"""Writes structured.txt: the effective ranks of 252 adversarial matrices, computed by mpmath with 60 digits.

Run:  python make_structured.py > structured.txt      (mpmath 1.3.0)

The matrices are made by the formulas below, in integers and in operations that IEEE 754 rounds correctly, so that
tests/it/structured.rs makes the same ones to the last bit and no element has to be stored.
"""

import math

import mpmath

mpmath.mp.dps = 60
SHAPES = [(3, 3), (5, 9), (9, 5), (8, 8), (12, 13), (16, 16), (24, 7), (7, 24), (24, 24)]


def integers(seed, rows, cols):
    """-8 to 8, by a linear congruential generator."""
    state = seed
    values = []
    for _ in range(rows * cols):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(float((state >> 16) % 17 - 8))
    return lambda i, j: values[i * cols + j]


def low_rank(seed, rows, cols, rank):
    left, right = integers(seed, rows, rank), integers(seed + 1, rank, cols)
    return lambda i, j: sum(left(i, k) * right(k, j) for k in range(rank))


FAMILIES = {
    "integers": lambda r, c: integers(1, r, c),
    "other integers": lambda r, c: integers(2, r, c),
    "rank one": lambda r, c: low_rank(3, r, c, 1),
    "rank two": lambda r, c: low_rank(5, r, c, 2),
    "half rank": lambda r, c: low_rank(7, r, c, (min(r, c) + 1) // 2),
    "rows to 1e-7": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0 ** -(24 * i // r))(integers(9, r, c)),
    "rows to 1e-14": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0 ** -(48 * i // r))(integers(10, r, c)),
    "columns to 1e-30": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0 ** -(100 * j // c))(integers(11, r, c)),
    "both to 1e-150": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0 ** (-(250 * i // r) - (250 * j // c)))(integers(12, r, c)),
    "ones": lambda r, c: lambda i, j: 1.0,
    "triangle": lambda r, c: lambda i, j: float(j <= i),
    "identity": lambda r, c: lambda i, j: float(i == j),
    "repeated rows": lambda r, c: (lambda x: lambda i, j: x(i // 2, j))(integers(13, r, c)),
    "near repeated rows": lambda r, c: (lambda x: lambda i, j: x(i // 2, j) * (1.0 + (i % 2) * 2.0**-45))(integers(14, r, c)),
    "zero columns": lambda r, c: (lambda x: lambda i, j: x(i, j) * float(j % 3 > 0))(integers(15, r, c)),
    "Hilbert": lambda r, c: lambda i, j: 1.0 / float(i + j + 1),
    "Toeplitz": lambda r, c: lambda i, j: 2.0 ** -abs(i - j),
    "circulant": lambda r, c: lambda i, j: 1.223 * (-2.0 if i == j else float((i + 1) % r == j or (j + 1) % r == i)),
    "Hadamard": lambda r, c: lambda i, j: 1.0 - 2.0 * (bin(i & j).count("1") % 2),
    "outlier row": lambda r, c: (lambda x: lambda i, j: x(i, j) * (2.0**30 if i == 0 else 1.0))(integers(16, r, c)),
    "outlier element": lambda r, c: (lambda x: lambda i, j: 2.0**40 if i == j == 1 else x(i, j))(integers(17, r, c)),
    "diagonal gaps": lambda r, c: lambda i, j: 1.0 - i * 2.0**-52 if i == j else 0.0,
    "times 2^900": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0**900)(integers(18, r, c)),
    "times 2^-900": lambda r, c: (lambda x: lambda i, j: x(i, j) * 2.0**-900)(integers(19, r, c)),
    "near 1e300": lambda r, c: (lambda x: lambda i, j: x(i, j) * 1e300)(integers(20, r, c)),
    "near 1e-300": lambda r, c: (lambda x: lambda i, j: x(i, j) * 1e-300)(integers(21, r, c)),
    "bidiagonal": lambda r, c: lambda i, j: float(i == j) + 2.0 * float(i + 1 == j),
    "Vandermonde": lambda r, c: lambda i, j: (float(i + 1) / float(r)) ** 0 if j == 0 else math.prod([float(i + 1) / 32.0] * j),
}


def effective_rank(elements):
    rows = elements if len(elements) >= len(elements[0]) else [list(row) for row in zip(*elements)]
    # mpmath's convergence test is absolute: bring the largest element near 1, exactly.
    scale = mpmath.mpf(2) ** math.frexp(max(abs(x) for row in rows for x in row))[1]
    values = mpmath.svd_r(mpmath.matrix(rows) / scale, compute_uv=False)
    total = mpmath.fsum(values)
    shares = [value / total for value in values if value > 0]
    return mpmath.exp(-mpmath.fsum(p * mpmath.log(p) for p in shares))


for name, family in FAMILIES.items():
    for rows, cols in SHAPES:
        element = family(rows, cols)
        value = effective_rank([[element(i, j) for j in range(cols)] for i in range(rows)])
        print(f"{mpmath.nstr(value, 20)} {rows} {cols} {name}", flush=True)
