"""Writes inference.json: what SciPy, scikit-learn, torchmetrics, mpmath and plain enumeration say about small data.

Run:  python inference.py > inference.json
      (mpmath 1.3.0, NumPy 2.4.6, scikit-learn 1.9.1, SciPy 1.17.1, torch 2.11.0, torchmetrics 1.9.0; two minutes)

Numbers are strings, so that no JSON reader rounds them.
"""

import itertools
import json
import random
from fractions import Fraction
from math import comb

import mpmath
import numpy
import scipy.optimize
import scipy.special
import scipy.stats
import sklearn.metrics
import torch
import torchmetrics
from torchmetrics.functional.classification import binary_matthews_corrcoef

mpmath.mp.dps = 50
random.seed(2024)


def text(number):
    return mpmath.nstr(number, 25) if isinstance(number, mpmath.mpf) else repr(float(number))


def rational(fraction):
    return text(mpmath.mpf(fraction.numerator) / fraction.denominator)


def determinant(table):
    tp, fp, fn, tn = table
    return tp * tn - fp * fn


def spread(table):
    tp, fp, fn, tn = table
    return (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)


def mcc(table):
    """NaN where it is undefined."""
    root = spread(table)
    return determinant(table) / root**0.5 if root else float("nan")


# --- The normal distribution.
def normal():
    z = [-37, -30, -20, -10, -6, -5.66, -5.65, -4, -3, -2, -1.959963984540054, -1, -0.67, -0.66, -0.5, -1e-3, -1e-9, 0]
    z += [1e-9, 0.3, 0.662, 0.664, 1, 1.5, 2, 3, 4, 5.6, 5.7, 7, 8.2]
    p = [1e-300, 1e-100, 1e-20, 1e-12, 1.38e-11, 1.4e-11, 1e-6, 1e-3, 0.01, 0.025, 0.074, 0.075, 0.076, 0.1, 0.3, 0.499999]
    p += [0.5, 0.5000001, 0.6, 0.8, 0.9, 0.924, 0.926, 0.975, 0.995, 0.9999, 1 - 1e-9, 1 - 2**-53]
    quantile = [mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(x) - 1) if x > 1e-15 else None for x in p]
    for at, x in enumerate(p):
        if quantile[at] is None:
            start = mpmath.mpf(float(scipy.special.ndtri(x)))
            quantile[at] = mpmath.findroot(lambda z: mpmath.log(mpmath.ncdf(z)) - mpmath.log(mpmath.mpf(x)), start)
    return {
        "probability": [[text(x), text(mpmath.ncdf(mpmath.mpf(x)))] for x in z],
        "quantile": [[text(x), text(q)] for x, q in zip(p, quantile)],
    }


# --- k classes, weights, conventions.
def multiclass():
    for classes, n in [(2, 8), (3, 6), (3, 40), (4, 200), (7, 500), (3, 5), (5, 12)]:
        actual = [random.randrange(classes) for _ in range(n)]
        predicted = [a if random.random() < 0.5 else random.randrange(classes) for a in actual]
        counts = sklearn.metrics.confusion_matrix(actual, predicted, labels=range(classes)).tolist()
        yield gorodkin(counts, sklearn.metrics.matthews_corrcoef(actual, predicted))
    for exponent in (9, 12, 16):
        yield gorodkin([[random.randrange(10**exponent) for _ in range(3)] for _ in range(3)], None)


def gorodkin(counts, sklearn_says):
    total, correct = sum(map(sum, counts)), sum(row[i] for i, row in enumerate(counts))
    actual, predicted = [sum(row) for row in counts], [sum(column) for column in zip(*counts)]
    numerator = total * correct - sum(p * a for p, a in zip(predicted, actual))
    x, y = (total**2 - sum(v * v for v in values) for values in (predicted, actual))
    value = mpmath.mpf(numerator) / mpmath.sqrt(mpmath.mpf(x) * y)
    sklearn_says = None if sklearn_says is None else text(sklearn_says)
    return {"counts": counts, "mcc": text(value), "sklearn": sklearn_says}


def weighted():
    for n in (5, 12, 60):
        predicted, actual = ([random.randrange(2) for _ in range(n)] for _ in range(2))
        weights = [random.choice([0.0, random.random(), random.random() * 1e6]) for _ in range(n)]
        cells = [Fraction(0)] * 4
        for p, a, w in zip(predicted, actual, weights):
            cells[2 * (1 - p) + (1 - a)] += Fraction(w)
        value = mpmath.mpf(1) * determinant(cells).numerator / determinant(cells).denominator
        root = spread(cells)
        value /= mpmath.sqrt(mpmath.mpf(root.numerator) / root.denominator)
        says = sklearn.metrics.matthews_corrcoef(actual, predicted, sample_weight=weights)
        yield {
            "predicted": predicted,
            "actual": actual,
            "weights": list(map(text, weights)),
            "mcc": text(value),
            "sklearn": text(says),
        }


def conventions():
    for table in [(5, 0, 1, 0), (5, 1, 0, 0), (0, 3, 0, 4), (0, 0, 4, 2), (0, 0, 3, 3), (6, 0, 0, 0), (0, 0, 0, 6), (0, 6, 0, 0)]:
        tp, fp, fn, tn = table
        predicted = [1] * (tp + fp) + [0] * (fn + tn)
        actual = [1] * tp + [0] * fp + [1] * fn + [0] * tn
        yield {
            "table": table,
            "sklearn": text(sklearn.metrics.matthews_corrcoef(actual, predicted)),
            "torchmetrics": text(binary_matthews_corrcoef(torch.tensor(predicted), torch.tensor(actual))),
        }


# --- Exact tests.
PAIRS = [(True, True), (True, False), (False, True), (False, False)]


def hypergeometric(table):
    """The ways to pair the variables, by true positives."""
    tp, fp, fn, tn = table
    predicted, actual, total = tp + fp, tp + fn, sum(table)
    range_of = range(max(0, predicted + actual - total), min(predicted, actual) + 1)
    return {x: comb(predicted, x) * comb(total - predicted, actual - x) for x in range_of}


def exact():
    for _ in range(30):
        n = random.choice([3, 6, 12, 24, 32])
        table = [0, 0, 0, 0]
        for _ in range(n):
            table[random.randrange(4)] += 1
        tp, fp, fn, tn = table
        ways = hypergeometric(table)
        whole = sum(ways.values())
        own = ways[tp]
        distance = lambda x: abs(x * n - (tp + fp) * (tp + fn))
        share = lambda keep: Fraction(sum(w for x, w in ways.items() if keep(x, w)), whole)
        yield {
            "table": table,
            "mid_two_sided": rational(share(lambda x, w: w < own) + share(lambda x, w: w == own) / 2),
            "mid_greater": rational(share(lambda x, w: x > tp) + Fraction(own, whole) / 2),
            "mid_less": rational(share(lambda x, w: x < tp) + Fraction(own, whole) / 2),
            "mcc_two_sided": rational(share(lambda x, w: distance(x) >= distance(tp))),
        }


def stratified():
    for strata in (1, 2, 3, 5):
        for _ in range(4):
            tables = [[random.randrange(5) for _ in range(4)] for _ in range(strata)]
            sums = {0: 1}
            for table in tables:
                new = {}
                for (x, w), (y, v) in itertools.product(sums.items(), hypergeometric(table).items()):
                    new[x + y] = new.get(x + y, 0) + w * v
                sums = new
            whole, observed = sum(sums.values()), sum(table[0] for table in tables)
            share = lambda keep: rational(Fraction(sum(w for x, w in sums.items() if keep(x, w)), whole))
            known = [t for t in tables if spread(t)]
            top = sum(mpmath.mpf(determinant(t)) / sum(t) for t in known)
            bottom = sum(mpmath.sqrt(spread(t)) / sum(t) for t in known)
            yield {
                "tables": tables,
                "mcc": text(top / bottom) if known else None,
                "two_sided": share(lambda x, w: w <= sums[observed]),
                "greater": share(lambda x, w: x >= observed),
                "less": share(lambda x, w: x <= observed),
            }


# --- Intervals.
def profile(table, mcc0):
    """The largest log likelihood under this coefficient, over both margins, by Nelder and Mead from several starts."""
    tp, fp, fn, tn = table

    def cost(margins):
        a, b = scipy.special.expit(margins)
        shift = mcc0 * (a * (1 - a) * b * (1 - b)) ** 0.5
        p = numpy.array([a * b + shift, a * (1 - b) - shift, (1 - a) * b - shift, (1 - a) * (1 - b) + shift])
        return numpy.inf if (p < 0).any() else -scipy.special.xlogy(table, p).sum()

    odds = numpy.log([(tp + fp + 0.5) / (fn + tn + 0.5), (tp + fn + 0.5) / (fp + tn + 0.5)])
    starts = [odds, [odds.mean()] * 2, [0, 0]]
    options = {"xatol": 1e-8, "fatol": 1e-11, "maxiter": 1000, "maxfev": 1000}
    return -min(scipy.optimize.minimize(cost, start, method="Nelder-Mead", options=options).fun for start in starts)


def profiles():
    limit = scipy.stats.chi2.ppf(0.95, 1)
    for table in [(2, 0, 0, 4), (3, 0, 0, 3), (1, 1, 2, 2), (2, 1, 4, 17), (60, 20, 25, 95), (1, 3, 5, 3)]:
        n = numpy.array(table, float)
        top = scipy.special.xlogy(n, n / n.sum()).sum()
        excess = lambda phi: 2 * (top - profile(table, phi)) - limit
        ends = []
        for extreme in (-0.999, 0.999):
            at = min(mcc(table), 0.9995)
            reached = excess(extreme) > 0
            ends.append(text(scipy.optimize.brentq(excess, at, extreme, xtol=1e-8)) if reached else None)
        yield {"table": table, "low": ends[0], "high": ends[1]}


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def below(self, n):
        while True:
            product = self.next() * n
            if product % 2**64 >= 2**64 % n:
                return product >> 64


def bootstraps():
    """The crate's own resamples, made into intervals by SciPy."""

    def intervals(units, statistic, replicates, seed):
        generator = SplitMix64(seed)
        n = len(units)
        values = numpy.array([statistic([units[generator.below(n)] for _ in range(n)]) for _ in range(replicates)])
        assert not numpy.isnan(values).any()
        at = lambda index, axis=-1: numpy.apply_along_axis(lambda one: statistic([units[int(i)] for i in one]), axis, index)
        data = (numpy.arange(n, dtype=float),)
        result = {"estimate": text(statistic(units))}
        for method in ("percentile", "BCa"):
            start = scipy.stats.bootstrap(data, at, n_resamples=1, method="percentile", vectorized=True, rng=0)
            start.bootstrap_distribution = values
            with numpy.errstate(all="ignore"):
                found = scipy.stats.bootstrap(
                    data, at, n_resamples=0, method=method, vectorized=True, bootstrap_result=start, rng=0
                )
            result[method.lower()] = [text(found.confidence_interval.low), text(found.confidence_interval.high)]
        return result

    def table_of(pairs):
        return [sum((p, a) == pair for p, a in pairs) for pair in [(1, 1), (1, 0), (0, 1), (0, 0)]]

    for table in [(9, 3, 4, 16), (12, 8, 5, 20), (30, 10, 5, 15)]:
        pairs = [pair for pair, times in zip([(1, 1), (1, 0), (0, 1), (0, 0)], table) for _ in range(times)]
        yield {"kind": "table", "table": table} | intervals(pairs, lambda units: mcc(table_of(units)), 999, 7)
    n = 40
    actual = [random.randrange(2) for _ in range(n)]
    first, second = ([a if random.random() < share else 1 - a for a in actual] for share in (0.8, 0.65))
    difference = lambda units: mcc(table_of([(f, a) for f, s, a in units])) - mcc(table_of([(s, a) for f, s, a in units]))
    rows = list(zip(first, second, actual))
    yield {"kind": "difference", "first": first, "second": second, "actual": actual} | intervals(rows, difference, 999, 8)
    tables = [(4, 1, 2, 5), (3, 3, 1, 5), (8, 2, 6, 8), (9, 9, 2, 12), (2, 3, 4, 3), (5, 1, 1, 5), (3, 2, 4, 7)]
    pooled = lambda units: mcc([sum(cell) for cell in zip(*units)])
    yield {"kind": "sum", "tables": tables} | intervals(tables, pooled, 999, 9)
    within = lambda units: sum(determinant(t) / sum(t) for t in units) / sum(spread(t) ** 0.5 / sum(t) for t in units)
    yield {"kind": "stratified", "tables": tables} | intervals(tables, within, 999, 10)


# --- Threshold-free association.
def associations():
    measures = {
        "pearson": lambda x, y: scipy.stats.pearsonr(x, y).statistic,
        "spearman": lambda x, y: scipy.stats.spearmanr(x, y).statistic,
        "kendall": lambda x, y: scipy.stats.kendalltau(x, y).statistic,
    }
    for n, ties, labels in [(6, False, False), (6, True, False), (8, True, True), (12, False, True), (32, True, False), (200, True, True)]:
        x = [round(random.random(), 1 if ties else 6) for _ in range(n)]
        y = [float(random.random() < 0.4 + 0.3 * v) for v in x] if labels else [round(v + random.random(), 1 if ties else 6) for v in x]
        if labels and len(set(y)) == 1:
            y[0] = 1 - y[0]
        case = {"x": list(map(text, x)), "y": list(map(text, y))}
        for name, measure in measures.items():
            case[name] = text(measure(x, y))
            if n <= 8:
                # Over every order; of equal labels all are as likely as their distinct orders.
                values = [measure(x, list(order)) for order in itertools.permutations(y)] if n == 6 else [
                    measure(x, [float(i in chosen) for i in range(n)]) for chosen in itertools.combinations(range(n), int(sum(y)))
                ]
                values = numpy.array(values)
                own = measure(x, y)
                case[name + "_p"] = [
                    text((abs(values) >= abs(own) - 1e-9).mean()),
                    text((values >= own - 1e-9).mean()),
                    text((values <= own + 1e-9).mean()),
                ]
        if not ties and not labels:
            case["scipy_kendall_exact"] = text(scipy.stats.kendalltau(x, y, method="exact").pvalue)
        if labels:
            case["auc"] = text(sklearn.metrics.roc_auc_score(y, x))
            case["pointbiserial"] = text(scipy.stats.pointbiserialr(y, x).statistic)
        if labels and len(set(x)) == n:
            positives, negatives = [v for v, l in zip(x, y) if l], [v for v, l in zip(x, y) if not l]
            case["mannwhitney_exact"] = text(scipy.stats.mannwhitneyu(positives, negatives, method="exact").pvalue)
        yield case


modules = (mpmath, numpy, scipy, sklearn, torch, torchmetrics)
result = {
    "versions": {module.__name__: module.__version__ for module in modules},
    "normal": normal(),
    "multiclass": list(multiclass()),
    "weighted": list(weighted()),
    "conventions": list(conventions()),
    "exact": list(exact()),
    "stratified": list(stratified()),
    "profiles": list(profiles()),
    "bootstraps": list(bootstraps()),
    "associations": list(associations()),
}
# One case a line.
lines = []
for key, value in result.items():
    if isinstance(value, list):
        body = "[\n  " + ",\n  ".join(json.dumps(case) for case in value) + "\n ]"
    else:
        body = json.dumps(value)
    lines.append(f' "{key}": {body}')
print("{\n" + ",\n".join(lines) + "\n}")
