"""Compares linear CKA here with numpy: docs/BENCHMARKS.md.

    pip install numpy
    cargo build --release -p settling-benches --example run_cka
    python benches/cka/peers.py [--rows 65536] [--cols 512] [--threads 1,2]

- stream: rows in batches of 4096 through one accumulator a thread, against numpy's two passes over matrices in memory (centre, three
  products, norms; what papers run), in f64, and in f32 with `with_f32_products` here. numpy's OpenBLAS has as many threads.
- many: 27 checkpoints with one reference in one pass, against a call for each.
- memory: the peak after 65,536 rows of a stream and after 1,048,576.

Every row is run in fresh processes, in turns, on the same numbers; the values are compared. Linux only.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path


def noise(seed, count):
    import numpy as np

    with np.errstate(over="ignore"):
        z = (np.uint64(seed) * np.uint64(1 << 40) + np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / (1 << 24) - 0.5


def work(precision, rows, cols, passes):
    """One process of numpy."""
    import numpy as np

    x = noise(1, rows * cols)
    y = (x + noise(2, rows * cols)) / 2
    dtype = np.float32 if precision == "f32" else np.float64
    x, y = (m.reshape(rows, cols).astype(dtype) for m in (x, y))
    seconds = []
    for _ in range(passes):
        begin = time.perf_counter()
        a, b = x - x.mean(0, keepdims=True), y - y.mean(0, keepdims=True)
        similarity = np.linalg.norm(a.T.dot(b)) ** 2
        value = similarity / (np.linalg.norm(a.T.dot(a)) * np.linalg.norm(b.T.dot(b)))
        seconds.append(time.perf_counter() - begin)
    version = f"numpy {np.__version__}, Python {sys.version.split()[0]}"
    print(json.dumps({"seconds": seconds, "biased": [float(value)], "version": version}))


def run(command, threads):
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(threads)}
    output = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, env=environment).stdout
    return json.loads(output.splitlines()[-1])


def in_turns(whos, rounds, threads):
    """Seconds of every pass but the first of each process, and one result."""
    found = [[] for _ in whos]
    for _ in range(rounds):
        for (_, command), results in zip(whos, found):
            results.append(run(command, threads))
    return [(sum((result["seconds"][1:] for result in results), []), results[0]) for results in found]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/examples/run_cka")
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--cols", type=int, default=512)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--tasks", default="f64,f32,many,memory")
    parser.add_argument("--many", default="128x512,4096x512", help="rows x columns, separated by commas")
    parser.add_argument("--work")
    arguments = parser.parse_args()
    rows, cols, passes = arguments.rows, arguments.cols, arguments.passes
    if arguments.work:
        work(arguments.work, rows, cols, passes)
        return
    tasks, version = arguments.tasks.split(","), None
    print("| task | rows x columns | threads | who | seconds: min / median | min x | difference of the values | stated |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for threads in map(int, arguments.threads.split(",")):
        shapes = [(task, rows, cols) for task in tasks if task in ("f64", "f32")]
        if "many" in tasks:
            shapes += [("many", *map(int, shape.split("x"))) for shape in arguments.many.split(",")]
        for task, n, d in shapes:
            ours = lambda name: [arguments.binary, name, n, d, threads, passes]
            if task == "many":
                whos = [("27 in one pass", ours("many")), ("27 calls", ours("separate"))]
            else:
                python = [sys.executable, Path(__file__), "--rows", n, "--cols", d, "--passes", passes, "--work", task]
                whos = [("settling", ours(task)), ("numpy", python)]
            results = in_turns(whos, arguments.rounds, threads)
            best, first = min(results[0][0]), results[0][1]
            for (who, _), (seconds, result) in zip(whos, results):
                version = result.get("version", version)
                difference = max(abs(a - b) for a, b in zip(result["biased"], first["biased"]))
                assert difference < (1e-6 if task == "f32" else 1e-11), difference
                stated = f"{first['stated']:.0e}" if who == "settling" and first["stated"] else ""
                print(
                    f"| {task} | {n} x {d} | {threads} | {who} | {min(seconds):.4f} / {statistics.median(seconds):.4f} "
                    f"| {min(seconds) / best:.2f} | {difference:.0e} | {stated} |", flush=True,
                )
    if "memory" in tasks:
        early, late = run([arguments.binary, "memory", 1 << 20, 64, 1, 1], 1)["peak_kib"]
        print(f"\nmemory, 64 columns: {early} KiB after 65,536 rows, {late} KiB after 1,048,576")
    print(f"\n{version}; {arguments.rounds} processes of {passes} passes a row, the first pass of each left out")


if __name__ == "__main__":
    main()
