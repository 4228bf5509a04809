"""Writes estimators.json: small inputs that f64 holds exactly, and what the field's implementations make of them.

The formulas are written after the code that papers used, in numpy f64:
- `cka.py` of google-research/representation_similarity (Kornblith et al. 2019): linear biased and debiased in feature and in Gram
  form, RBF with the median heuristic. The published pipeline of "Tending Towards Stability" calls its feature form, biased.
- torch_cka (AntixK): HSIC_1 of mini-batches, averaged, then the ratio (Nguyen et al. 2021).
- netrep (Williams et al. 2021): the arc cosine of CKA.
- scipy: canonical correlations as the cosines of the angles between column spaces; Procrustes disparity.
- SVCCA (Raghu et al. 2017) and PWCCA (Morcos et al. 2018) on top of those.

    python estimators.py        # numpy 2, scipy 1; rewrites estimators.json beside it
"""

import json
import pathlib
import random

import numpy as np
import scipy.linalg
import scipy.spatial


def gaussian(seed, n, d):
    rng = random.Random(seed)
    return [[round(rng.gauss(0, 1) * 256) for _ in range(d)] for _ in range(n)]


def mixed(m, seed, d):
    """The rows of `m` times a random integer matrix, noise, and an offset per column."""
    a, e = np.array(gaussian(seed, len(m[0]), d)) // 64, np.array(gaussian(seed + 1, len(m), d))
    return (np.array(m) @ a + 3 * e + 100 * np.arange(d)).tolist()


BASE = gaussian(1, 48, 7)
WIDE = gaussian(5, 20, 33)
# name: x, y in units of 2^-8
CASES = {
    "tall": (BASE, mixed(BASE, 2, 5)),
    "tall_equal_widths": (gaussian(8, 64, 6), mixed(gaussian(8, 64, 6), 9, 6)),
    "independent": (gaussian(12, 60, 9), gaussian(13, 60, 4)),
    "wide": (WIDE, mixed(WIDE, 6, 21)),
}
BATCH = 8


def feature_cka(x, y, debiased):
    x, y = x - x.mean(0, keepdims=True), y - y.mean(0, keepdims=True)
    dot = np.linalg.norm(x.T.dot(y)) ** 2
    norm_x, norm_y = np.linalg.norm(x.T.dot(x)), np.linalg.norm(y.T.dot(y))
    if debiased:
        n = len(x)
        rows_x, rows_y = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
        squared_x, squared_y = np.sum(rows_x), np.sum(rows_y)

        def helper(xty, rows_x, rows_y, squared_x, squared_y):
            return xty - n / (n - 2.0) * rows_x.dot(rows_y) + squared_x * squared_y / ((n - 1) * (n - 2))

        dot = helper(dot, rows_x, rows_y, squared_x, squared_y)
        norm_x = np.sqrt(helper(norm_x**2, rows_x, rows_x, squared_x, squared_x))
        norm_y = np.sqrt(helper(norm_y**2, rows_y, rows_y, squared_y, squared_y))
    return dot / (norm_x * norm_y)


def centre_gram(gram, unbiased):
    gram = gram.copy()
    if unbiased:
        n = gram.shape[0]
        np.fill_diagonal(gram, 0)
        means = np.sum(gram, 0) / (n - 2)
        means -= np.sum(means) / (2 * (n - 1))
        gram -= means[:, None]
        gram -= means[None, :]
        np.fill_diagonal(gram, 0)
    else:
        means = np.mean(gram, 0)
        means -= np.mean(means) / 2
        gram -= means[:, None]
        gram -= means[None, :]
    return gram


def gram_cka(gram_x, gram_y, debiased):
    gram_x, gram_y = centre_gram(gram_x, debiased), centre_gram(gram_y, debiased)
    return gram_x.ravel().dot(gram_y.ravel()) / (np.linalg.norm(gram_x) * np.linalg.norm(gram_y))


def gram_rbf(x, threshold):
    dot = x.dot(x.T)
    squares = np.diag(dot)
    distances = -2 * dot + squares[:, None] + squares[None, :]
    return np.exp(-distances / (2 * threshold**2 * np.median(distances)))


def torch_cka(x, y):
    def hsic(k, l):
        n = len(k)
        k, l = k.copy(), l.copy()
        np.fill_diagonal(k, 0)
        np.fill_diagonal(l, 0)
        ones = np.ones((n, 1))
        result = np.trace(k @ l)
        result += (ones.T @ k @ ones @ ones.T @ l @ ones).item() / ((n - 1) * (n - 2))
        result -= (ones.T @ k @ l @ ones).item() * 2 / (n - 2)
        return result / (n * (n - 3))

    terms = np.zeros(3)
    for start in range(0, len(x) - BATCH + 1, BATCH):
        a, b = x[start : start + BATCH], y[start : start + BATCH]
        k, l = a @ a.T, b @ b.T
        terms += [hsic(k, l), hsic(k, k), hsic(l, l)]
    return terms[0] / np.sqrt(terms[1] * terms[2])


def correlations(x, y):
    return np.cos(scipy.linalg.subspace_angles(x, y))[::-1]


def svcca(x, y, share):
    def leading(m):
        u, s, _ = np.linalg.svd(m, full_matrices=False)
        kept = np.searchsorted(np.cumsum(s**2) / np.sum(s**2), share) + 1
        return u[:, :kept] * s[:kept]

    return np.mean(correlations(leading(x), leading(y)))


def pwcca(x, y):
    q_x, q_y = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    u, s, _ = np.linalg.svd(q_x.T @ q_y, full_matrices=False)
    weights = np.abs((q_x @ u).T @ x).sum(1)
    return np.sum(weights * s) / np.sum(weights)


def main():
    cases = []
    for name, (x_units, y_units) in CASES.items():
        x, y = np.array(x_units) / 256.0, np.array(y_units) / 256.0
        a, b = x - x.mean(0), y - y.mean(0)
        expected = {
            "biased": feature_cka(x, y, False),
            "debiased": feature_cka(x, y, True),
            "rbf": gram_cka(gram_rbf(x, 1.0), gram_rbf(y, 1.0), False),
            "rbf_half": gram_cka(gram_rbf(x, 0.5), gram_rbf(y, 0.5), False),
            "rbf_debiased": gram_cka(gram_rbf(x, 1.0), gram_rbf(y, 1.0), True),
            "minibatch": torch_cka(x, y),
            "angular": np.arccos(feature_cka(x, y, False)),
            "procrustes": np.linalg.norm(a.T @ b, "nuc") / (np.linalg.norm(a) * np.linalg.norm(b)),
        }
        assert abs(expected["biased"] - gram_cka(x @ x.T, y @ y.T, False)) < 1e-12
        assert abs(expected["debiased"] - gram_cka(x @ x.T, y @ y.T, True)) < 1e-11
        if x.shape == y.shape:
            disparity = scipy.spatial.procrustes(x, y)[2]
            assert abs(1 - expected["procrustes"] ** 2 - disparity) < 1e-12
        expected["svcca_0.8"] = svcca(a, b, 0.8)
        if len(x) > x.shape[1] + y.shape[1]:
            expected |= {"cca": np.mean(correlations(a, b)), "pwcca": pwcca(a, b)}
        case = {"name": name, "rows": len(x), "x": sum(x_units, []), "y": sum(y_units, [])}
        cases.append(case | {key: float(value) for key, value in expected.items()})
    path = pathlib.Path(__file__).with_name("estimators.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


main()
