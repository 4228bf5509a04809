"""Writes kendall.json: what SciPy says of Kendall's tau-b of many observations, made by formula.

Run:  python kendall.py > kendall.json
      (NumPy 2.4.6, SciPy 1.17.1; seconds)

Numbers are strings, so that no JSON reader rounds them.
"""

import json

import scipy.stats


def numbers(seed, count, classes):
    """0 to classes - 1, by a linear congruential generator; tests/it/association.rs has the same."""
    state = seed
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 33) % classes


cases = []
for count, x_classes, y_classes, slope in [
    (2, 2, 2, 1),
    (10, 3, 4, 0),
    (1000, 2, 1000, 1),
    (5000, 2, 2, 0),
    (70000, 2**30, 2**30, 1),
    (100000, 5, 2**30, -1),
    (200000, 7, 7, 0),
    (200000, 7, 7, 1),
    (200000, 100, 2**30, 2**20),
]:
    x = list(numbers(1, count, x_classes))
    # Where the slope is not 0, the second depends on the first.
    y = [noise + slope * value for noise, value in zip(numbers(2, count, y_classes), x)]
    tau = scipy.stats.kendalltau(x, y).statistic
    cases.append({"count": count, "x_classes": x_classes, "y_classes": y_classes, "slope": slope, "tau": repr(float(tau))})
print("[\n" + ",\n".join("  " + json.dumps(case) for case in cases) + "\n]")
