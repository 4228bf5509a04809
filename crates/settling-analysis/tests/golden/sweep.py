"""The MCC under a grid of thresholds, and its p-values over every pairing of six layers.

Run: python3 sweep.py > sweep.json (numpy 2.4.6, scikit-learn 1.9.1)
"""

import itertools
import json

import numpy
import sklearn.metrics

PAIRS = [(True, True), (True, False), (False, True), (False, False)]


def text(number):
    return repr(float(number))


def mcc(table):
    """NaN where it is undefined."""
    tp, fp, fn, tn = table
    spread = (tp + fp) * (fn + tn) * (tp + fn) * (fp + tn)
    return (tp * tn - fp * fn) / spread**0.5 if spread else float("nan")


def sweep():
    early, size = [0.62, 0.55, 0.48, 0.51, 0.2, 0.33], [0.97, 0.95, 0.91, 0.96, 0.8, 0.93]
    reach, large = [0.25, 0.4, 0.5, 0.6], [0.85, 0.92, 0.95]
    outcomes = [[value >= threshold for value in early] for threshold in reach]
    predictions = lambda size: [[value >= threshold for value in size] for threshold in large]
    own = [sklearn.metrics.matthews_corrcoef(outcome, prediction) for outcome in outcomes for prediction in predictions(size)]

    def surface(size):
        pairs = itertools.product(outcomes, predictions(size))
        return [mcc([sum(map(pair.__eq__, zip(p, o))) for pair in PAIRS]) for o, p in pairs]

    highest = [max(surface(order)) for order in itertools.permutations(size)]
    farthest = [max(map(abs, surface(order))) for order in itertools.permutations(size)]
    return {
        "early": list(map(text, early)),
        "size": list(map(text, size)),
        "reach": list(map(text, reach)),
        "large": list(map(text, large)),
        "surface": list(map(text, own)),
        "adjusted_greater": [text(numpy.mean([h >= value - 1e-9 for h in highest])) for value in own],
        "adjusted_two_sided": [text(numpy.mean([f >= abs(value) - 1e-9 for f in farthest])) for value in own],
    }


print(json.dumps(sweep()))
