"""Compares a whole study under the protocol `published` with what the released code of the paper does: docs/BENCHMARKS.md.

    pip install torch==2.11.0 transformers==5.24.0 numpy==2.4.6 scipy==1.17.1
    cargo build --release -p settling-cli --features capture
    python benches/study/peers.py --folder FOLDER [--tokens 257] [--rows 128]

Makes four checkpoints of the shape of pythia-70m in f32 with random weights, on a line from one model to another, in FOLDER, kept for the
next run, with token rows and the rows of a training.

The peer does for each checkpoint what the released code does on a processor, its stages in one process and without their files between
them: transformers with eager attention, the whole model, activations of the last position by hooks, in sub-batches of 1, 2, 4, ... rows;
gradients of all parameters by autograd on two batches of the training in the same sub-batches; the D x D product of every head and
of every layer, of its weights and, by the product rule, of its gradients; scipy.linalg.svdvals of each, and of the MLP's matrices; CKA by
numpy in f64 from D x D products. Products and singular values are in f32, the faster choice for the peer. Left out: what the released
code stores and reads between its stages as data sets, its norms and cosines, plots.

Both are whole processes, one after the other, with as many threads; every number of the one is compared with that of the other. The
rows are as many as the protocol says and may be shorter than Pythia's 2,049 tokens (--tokens): the share of the model's passes in the
time grows with their length.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

D, HEADS, LAYERS, VOCABULARY = 512, 8, 6, 50304
HD = D // HEADS
# Of each step the batches before it by five and four, from the first on.
STEPS = {0: (0, 1), 8: (3, 4), 16: (11, 12), 24: (19, 20)}
BATCH = 128
# What f32 may cost both sides, as in tests/it/protocols.rs.
TOLERANCE = 3e-6


def make(suite):
    """Four checkpoints, as transformers saves them."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=4 * D,
        max_position_embeddings=2048, rotary_pct=0.25,
    )
    torch.manual_seed(0)
    first, last, between = (GPTNeoXForCausalLM(config) for _ in range(3))
    for step in STEPS:
        with torch.no_grad():
            for parameter, a, b in zip(between.parameters(), first.parameters(), last.parameters(), strict=True):
                parameter.copy_(torch.lerp(a, b, step / max(STEPS)))
        between.save_pretrained(suite / "70m" / f"step{step}")


def make_rows(folder, rows, tokens):
    import numpy as np

    random = np.random.default_rng(1)
    np.save(folder / "rows.npy", random.integers(0, VOCABULARY, (rows, tokens), np.int32))
    count = (max(batch for batches in STEPS.values() for batch in batches) + 1) * BATCH
    np.save(folder / "training.npy", random.integers(0, VOCABULARY, (count, tokens), np.uint16))


def sub_batches(rows):
    """1, 2, 4, ... rows, and the rest."""
    start, size = 0, 1
    while start < len(rows):
        yield rows[start : start + size]
        start, size = start + size, 2 * size


class Parts:
    """Seconds by what they went into."""

    def __init__(self):
        self.seconds, self.since = {}, time.perf_counter()

    def end(self, part):
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0) + now - self.since
        self.since = now


def effective_rank(values):
    import numpy as np

    shares = values / values.sum()
    shares = shares[shares > 0]
    return np.exp(-(shares * np.log(shares)).sum())


def cka(x, y):
    import numpy as np

    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def heads():
    """The whole layer, and its heads: their names, and their places among D."""
    return [("", slice(0, D))] + [(str(head), slice(head * HD, (head + 1) * HD)) for head in range(HEADS)]


def activations(model, rows):
    """By site, an observation a row: of the MLP what it writes; of Attention, and of each head, the last third of the fused projection's
    output times the output matrix."""
    import torch

    seen = {}

    def keep(name):
        return lambda module, inputs, output: seen.setdefault(name, []).append(output[:, -1].detach())

    handles = []
    for index, layer in enumerate(model.gpt_neox.layers):
        handles.append(layer.attention.query_key_value.register_forward_hook(keep((index, "attention"))))
        handles.append(layer.mlp.dense_4h_to_h.register_forward_hook(keep((index, "mlp"))))
    with torch.no_grad():
        for some in sub_batches(rows):
            model(some)
    for handle in handles:
        handle.remove()
    found = {}
    for index, layer in enumerate(model.gpt_neox.layers):
        third = torch.cat(seen[index, "attention"])[:, 2 * D :]
        for head, places in heads():
            product = third[:, places] @ layer.attention.dense.weight.detach()[:, places].T
            found[index, "attention", head] = product.double().numpy()
        found[index, "mlp", ""] = torch.cat(seen[index, "mlp"]).double().numpy()
    return found


def spectra(model, of_gradients):
    """By site, the singular values of its matrix."""
    import scipy.linalg

    found = {}
    for index, layer in enumerate(model.gpt_neox.layers):
        fused, output, mlp = (
            module.weight for module in (layer.attention.query_key_value, layer.attention.dense, layer.mlp.dense_4h_to_h)
        )
        v, o = fused.detach()[2 * D :], output.detach()
        for head, places in heads():
            if of_gradients:
                product = output.grad[:, places] @ v[places] + o[:, places] @ fused.grad[2 * D :][places]
            else:
                product = o[:, places] @ v[places]
            found[index, "attention", head] = scipy.linalg.svdvals(product.numpy())
        found[index, "mlp", ""] = scipy.linalg.svdvals((mlp.grad if of_gradients else mlp.detach()).numpy())
    return found


def work(folder, threads):
    """The peer, a process of its own."""
    parts = Parts()
    import numpy as np
    import scipy
    import torch
    import transformers

    torch.set_num_threads(threads)
    rows, training = (np.load(folder / name).astype(np.int64) for name in ("rows.npy", "training.npy"))
    parts.end("importing")
    kept, numbers = {}, {}

    def per(values):
        return effective_rank(values[:HD].astype(np.float64)) / HD

    for step, batches in STEPS.items():
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder / "suite" / "70m" / f"step{step}", attn_implementation="eager"
        ).eval()
        parts.end("loading")
        kept[step] = activations(model, torch.from_numpy(rows))
        parts.end("activations")
        for site, values in spectra(model, False).items():
            numbers[step, *site, "weight"] = per(values)
        parts.end("singular values")
        of_batches = []
        for batch in batches:
            model.zero_grad()
            parts.end("gradients")
            for some in sub_batches(torch.from_numpy(training[batch * BATCH :][: len(rows)])):
                model(some, labels=some).loss.backward()
            parts.end("gradients")
            of_batches.append(spectra(model, True))
            parts.end("singular values")
        for site in of_batches[0]:
            numbers[step, *site, "gradient"] = per(np.mean([values[site] for values in of_batches], axis=0))
    for step, found in kept.items():
        for site, values in found.items():
            numbers[step, *site, "activation"] = cka(kept[max(STEPS)][site], values)
    parts.end("CKA")
    print(json.dumps({
        "seconds": parts.seconds,
        "numbers": [[*map(str, name), float(value)] for name, value in numbers.items()],
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, numpy {np.__version__}, "
        f"scipy {scipy.__version__}, Python {sys.version.split()[0]}",
    }))


def protocol(folder, rows):
    """`published`, or the same of fewer rows."""
    if rows == BATCH:
        return "published"
    path = folder / "rows.toml"
    path.write_text(f'name = "published{rows}"\nbase = "published"\nrows.sequences = {rows}\ngradients.rows = {rows}\n')
    return path


def records(path):
    """The numbers of records.csv that the peer has, too."""
    estimators = {"activation": ("cka", "biased"), "weight": ("per", "top_head_dim"), "gradient": ("per", "top_head_dim")}
    found = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if (row["metric"], row["estimator"]) == estimators[row["signal"]]:
                found[row["step"], row["layer"], row["component"], row["head"], row["signal"]] = float(row["value"])
    return found


def run(command, environment):
    begin = time.perf_counter()
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed with {done.returncode}")
    return took, done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--binary", default="target/release/settling")
    parser.add_argument("--rows", type=int, default=BATCH, help=f"token rows of the evaluation and of a batch, at most {BATCH}")
    parser.add_argument("--tokens", type=int, default=257, help="tokens per row; Pythia's are 2049")
    parser.add_argument("--work", type=int, metavar="THREADS")
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.folder, arguments.work)
        return
    folder = arguments.folder
    if not (folder / "suite" / "70m" / f"step{max(STEPS)}").exists():
        make(folder / "suite")
    make_rows(folder, arguments.rows, arguments.tokens)
    shutil.rmtree(folder / "results", ignore_errors=True)
    threads = len(os.sched_getaffinity(0))
    names = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | {name: str(threads) for name in names}

    ours, _ = run(
        [
            arguments.binary, "study", "--suite", folder / "suite", "--models", "70m", "--tokens", folder / "rows.npy", "--device", "cpu",
            "--protocol", protocol(folder, arguments.rows), "--training-tokens", folder / "training.npy", "--batch-size", BATCH,
            "--out", folder / "results",
        ],
        environment,
    )
    theirs, output = run([sys.executable, __file__, "--folder", folder, "--work", threads], environment)
    peer = json.loads(output)

    expected = {tuple(name): value for *name, value in peer["numbers"]}
    found = records(folder / "results" / "records.csv")
    if found.keys() != expected.keys():
        sys.exit(f"not the same numbers: {sorted(found.keys() ^ expected.keys())[:5]}")
    worst = max(found, key=lambda name: abs(found[name] / expected[name] - 1))
    off = abs(found[worst] / expected[worst] - 1)
    print(f"{peer['versions']}; {threads} threads; {len(STEPS)} checkpoints, {arguments.rows} rows of {arguments.tokens} tokens")
    print(f"{len(found)} numbers, which differ by {off:.1e} at most (relative; {' '.join(worst)})")
    if off > TOLERANCE:
        sys.exit(f"expected {TOLERANCE:.0e} at most: the two have not computed the same")
    print(f"\nsettling {ours:.1f} s, published code's computation {theirs:.1f} s: x {theirs / ours:.2f}, of which")
    for part, seconds in peer["seconds"].items():
        print(f"  {part:<16} {seconds:8.1f} s")


if __name__ == "__main__":
    main()
