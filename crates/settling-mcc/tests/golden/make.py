"""Writes tables.json: 2 x 2 tables with their Matthews correlation and the p-values of Fisher's exact test.

Run:  python make.py > tables.json      (mpmath 1.3.0, scikit-learn 1.9.1, SciPy 1.17.1; two minutes)

`mcc`, `two_sided`, `greater` and `less` come from the definitions, in arithmetic with 60 digits; `sklearn` and `scipy` are what
these libraries say, where they apply. Numbers are strings, so that no JSON reader rounds them.
"""

import json
import random

import mpmath
import scipy.stats
import sklearn.metrics

mpmath.mp.dps = 60
random.seed(1975)


def tables():
    for n in (1, 2, 3, 6, 12):  # few layers: every kind of margin
        for _ in range(6):
            cells = [0, 0, 0, 0]
            for _ in range(n):
                cells[random.randrange(4)] += 1
            yield cells
    for exponent in range(1, 7):
        for _ in range(5):
            yield [random.randrange(10**exponent // 3 + 1) for _ in range(4)]
    yield from ([10, 0, 0, 7], [0, 4, 9, 0], [5, 5, 5, 5], [1, 9, 11, 3], [3, 1, 1, 3])
    yield from ([50_000, 5_000, 5_000, 50_000],)  # overflows 32-bit products
    yield from ([250_500, 249_500, 249_500, 250_500], [250_000, 250_000, 250_000, 250_000])
    yield from ([30, 970, 120, 998_880], [0, 40, 60, 999_900])
    for exponent in (9, 12):
        yield [random.randrange(10**exponent) for _ in range(4)]
    big = 2**64 - 1
    yield from ([big, 1, 2, big], [big, big, big, big], [big, big - 1, big - 1, big], [1, big, big, 1])
    yield from ([big, big, big - 1, big], [big, 1, 1, 1], [0, big, big, 0], [2**53 + 1, 3, 2**40, 2**62 + 1])


def matthews(tp, fp, fn, tn):
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (mpmath.mpf(tp * tn - fp * fn) / mpmath.sqrt(margins)) if margins else None


def fisher(tp, fp, fn, tn):
    predicted, actual, total = tp + fp, tp + fn, tp + fp + fn + tn
    first, last = max(0, predicted + actual - total), min(predicted, actual)
    weights, weight = [], mpmath.mpf(1)
    for x in range(first, last + 1):
        weights.append(weight)
        weight = weight * ((predicted - x) * (actual - x)) / ((x + 1) * (total - predicted - actual + x + 1))
    at, whole = tp - first, mpmath.fsum(weights)
    limit = weights[at] * (1 + mpmath.mpf(10) ** -7)
    return [
        mpmath.fsum(part) / whole
        for part in ([w for w in weights if w <= limit], weights[at:], weights[: at + 1])
    ]


def sklearn_mcc(tp, fp, fn, tn):
    return sklearn.metrics.matthews_corrcoef([1, 0, 1, 0], [1, 1, 0, 0], sample_weight=[tp, fp, fn, tn])


cases = []
for tp, fp, fn, tn in tables():
    case = {"table": " ".join(map(str, (tp, fp, fn, tn)))}
    mcc = matthews(tp, fp, fn, tn)
    case["mcc"] = mcc if mcc is None else mpmath.nstr(mcc, 25)
    total = tp + fp + fn + tn
    if total <= 1_100_000:
        for name, p in zip(("two_sided", "greater", "less"), fisher(tp, fp, fn, tn)):
            case[name] = mpmath.nstr(p, 25)
        case["scipy"] = repr(float(scipy.stats.fisher_exact([[tp, fp], [fn, tn]]).pvalue))
        if mcc is not None:
            case["sklearn"] = repr(float(sklearn_mcc(tp, fp, fn, tn)))
    cases.append(case)
versions = {"mpmath": mpmath.__version__, "scikit-learn": sklearn.__version__, "scipy": scipy.__version__}
print(json.dumps({"versions": versions, "cases": cases}, indent=1))
