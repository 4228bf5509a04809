"""Compares spectra here with numpy, scipy and torch: docs/BENCHMARKS.md.

    pip install numpy==2.4.6 scipy==1.17.1 torch==2.11.0
    cargo build --release -p settling-benches --example run_rank
    python benches/rank/peers.py --folder FOLDER

The task: the effective rank of every matrix of a batch, in f32 from memory. "weights" are D x 4D, Gaussian with the rows graded over
two powers of ten (condition about 200), as settling takes them through its certificate and not through luck; "heads" are the
output-value circuits of a layer of 32 heads of 80 at D = 2560, which the peers have to form. Rows of the table run in fresh processes,
in turns, on the cores of --cores; a peer may use them all for one matrix, settling uses one a matrix. Times are wall-clock a
matrix. Effective ranks are compared with those of scipy in f64 (for the largest sizes: of the certificate alone).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

WEIGHTS = ((512, 8, 3), (1024, 4, 3), (2048, 2, 2), (2560, 2, 1))
HEADS = (2560, 80, 32)


def weights(width, count):
    import numpy as np

    rng = np.random.default_rng(width)
    grades = np.logspace(0, -2, width)[:, None]
    return (rng.standard_normal((count, width, 4 * width)) * 0.02 * grades).astype(np.float32)


def heads():
    import numpy as np

    width, inner, count = HEADS
    rng = np.random.default_rng(0)
    left = rng.standard_normal((count, width, inner)).astype(np.float32)
    return left, rng.standard_normal((count, inner, width)).astype(np.float32)


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for width, count, _ in WEIGHTS:
        weights(width, count).tofile(folder / f"weights-{width}")
    with open(folder / "heads", "wb") as file:
        for part in heads():
            part.tofile(file)


def effective_rank(values):
    import numpy as np

    shares = values.astype(np.float64)
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def work(library, task, width, passes, limit):
    """One process of Python."""
    import numpy as np
    import scipy.linalg
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    svdvals = {
        "numpy": lambda a: np.linalg.svd(a, compute_uv=False),
        "scipy": lambda a: scipy.linalg.svdvals(a, check_finite=False),
        "scipy f64": lambda a: scipy.linalg.svdvals(a.astype(np.float64), check_finite=False),
        "torch": lambda a: torch.linalg.svdvals(torch.from_numpy(a)).numpy(),
    }[library]
    if task == "heads":
        left, right = heads()
        matrices = [lambda k=k: left[k] @ right[k] for k in range(limit)]
    else:
        batch = weights(width, limit)
        matrices = [lambda k=k: batch[k] for k in range(limit)]
    seconds, ranks = [], []
    for _ in range(passes):
        begin = time.perf_counter()
        ranks = [effective_rank(svdvals(matrix())) for matrix in matrices]
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({
        "seconds": seconds, "ranks": ranks,
        "versions": f"numpy {np.__version__}, scipy {scipy.__version__}, torch {torch.__version__}",
    }))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--binary", default="target/release/examples/run_rank")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--widths", type=int, nargs="*", default=[width for width, _, _ in WEIGHTS])
    parser.add_argument("--peer-matrices", type=int, default=1, help="how many of a batch the peers do")
    parser.add_argument("--no-heads", action="store_true")
    parser.add_argument("--work", nargs=5, metavar=("LIBRARY", "TASK", "WIDTH", "PASSES", "LIMIT"))
    arguments = parser.parse_args()
    if arguments.work:
        library, task, width, passes, limit = arguments.work
        work(library, task, int(width), int(passes), int(limit))
        return
    if not (arguments.folder / "heads").exists():
        make(arguments.folder)
    cores = len(os.sched_getaffinity(0))

    def python(library, task, width):
        limit = arguments.peer_matrices
        command = [sys.executable, __file__, "--folder", arguments.folder, "--work", library, task, width, 1, limit]
        return limit, None, command

    def settling(task, file, count, sizes, passes, threads):
        return count, threads, [arguments.binary, task, arguments.folder / file, count, *sizes, passes]

    rows = []
    for width, count, passes in WEIGHTS:
        if width not in arguments.widths:
            continue
        kind = f"{width} x {4 * width}"
        for threads in sorted({1, cores}):
            command = settling("spectra", f"weights-{width}", count, (width, 0, 4 * width), passes, threads)
            rows.append((kind, f"settling, {threads} thread{'s' * (threads > 1)}", *command))
        for library in ("scipy f64", "scipy", "numpy", "torch"):
            rows.append((kind, library, *python(library, "weights", width)))
    if not arguments.no_heads:
        width, inner, count = HEADS
        kind = f"{width} x {inner} x {width}"
        for threads in sorted({1, cores}):
            command = settling("products", "heads", count, (width, inner, width), 3, threads)
            rows.append((kind, f"settling, {threads} thread{'s' * (threads > 1)}", *command))
        for library in ("scipy f64", "scipy"):
            rows.append((kind, library, *python(library, "heads", width)))

    found = [[] for _ in rows]
    for number in range(arguments.rounds):
        for (kind, name, _, threads, command), results in zip(rows, found):
            environment = os.environ | ({"RAYON_NUM_THREADS": str(threads)} if threads else {})
            begin = time.perf_counter()
            output = subprocess.run(
                [str(part) for part in command], check=True, capture_output=True, text=True, env=environment
            ).stdout
            results.append(json.loads(output))
            took = time.perf_counter() - begin
            print(f"round {number + 1}: {kind}, {name}: {took:.1f} s", file=sys.stderr)

    versions = next(result["versions"] for results in found for result in results if "versions" in result)
    print(f"{versions}; {cores} cores; the least of {arguments.rounds} rounds\n")
    print("| matrix | who | ms a matrix: min / median | time x | effective rank off by | certified |")
    print("|---|---|---|---|---|---|")
    ours = {}
    for (kind, name, count, threads, _), results in zip(rows, found):
        times = [seconds / count * 1e3 for result in results for seconds in result["seconds"]]
        if threads == cores:
            ours[kind] = min(times)
    for (kind, name, count, threads, _), results in zip(rows, found):
        times = [seconds / count * 1e3 for result in results for seconds in result["seconds"]]
        exact = next(r[0]["ranks"] for (k, n, *_), r in zip(rows, found) if k == kind and n == "scipy f64")
        off = max(abs(a / b - 1) for a, b in zip(results[0]["ranks"], exact))
        certified = ""
        if "bounds" in results[0]:
            methods = ", ".join(sorted(set(results[0]["methods"])))
            certified = f"{max(results[0]['bounds']):.0e} ({methods})"
        print(
            f"| {kind} | {name} | {min(times):.1f} / {statistics.median(times):.1f} "
            f"| {min(times) / ours[kind]:.2f} | {off:.0e} | {certified} |"
        )


if __name__ == "__main__":
    main()
