"""Compares reading checkpoints here with safetensors and torch in Python: docs/BENCHMARKS.md.

    pip install torch==2.11.0 safetensors==0.8.0 numpy
    cargo build --release -p settling-benches --example read_checkpoint
    python benches/checkpoint/peers.py --folder FOLDER

Makes two checkpoints of the shapes of Pythia 410m in f16, 24 layers of width 1024, in two shards each, in FOLDER (1.6 GB, kept
for the next run). The task: open the checkpoint, and read the matrices that write to the residual stream (two a layer) as f32, one
at a time. Every row of the table is run in fresh processes, in turns; a process does it several times, so that all but its first
pass find its memory in place. All files are in the page cache. Linux only.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

LAYERS, WIDTH, VOCABULARY = 24, 1024, 50304
SITES = ("attention.dense.weight", "mlp.dense_4h_to_h.weight")
NAMES = [f"gpt_neox.layers.{layer}.{site}" for layer in range(LAYERS) for site in SITES]


def shapes():
    yield "gpt_neox.embed_in.weight", (VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        prefix = f"gpt_neox.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{prefix}{norm}.weight", (WIDTH,)
            yield f"{prefix}{norm}.bias", (WIDTH,)
        for name, rows, cols in (
            ("attention.query_key_value", 3 * WIDTH, WIDTH),
            ("attention.dense", WIDTH, WIDTH),
            ("mlp.dense_h_to_4h", 4 * WIDTH, WIDTH),
            ("mlp.dense_4h_to_h", WIDTH, 4 * WIDTH),
        ):
            yield f"{prefix}{name}.weight", (rows, cols)
            yield f"{prefix}{name}.bias", (rows,)
    yield "gpt_neox.final_layer_norm.weight", (WIDTH,)
    yield "gpt_neox.final_layer_norm.bias", (WIDTH,)
    yield "embed_out.weight", (VOCABULARY, WIDTH)


def make(folder):
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    tensors = {name: (torch.randn(shape) * 0.02).half() for name, shape in shapes()}
    names = list(tensors)
    middle = next(place for place, name in enumerate(names) if f"layers.{LAYERS // 2}." in name)
    for kind, stem, end in (("safetensors", "model", "safetensors"), ("bin", "pytorch_model", "bin")):
        target = folder / kind
        target.mkdir(parents=True, exist_ok=True)
        weight_map = {}
        for number, part in enumerate((names[:middle], names[middle:]), 1):
            file = f"{stem}-0000{number}-of-00002.{end}"
            shard = {name: tensors[name] for name in part}
            if kind == "bin":
                torch.save(shard, target / file)
            else:
                save_file(shard, target / file, metadata={"format": "pt"})
            weight_map |= dict.fromkeys(part, file)
        index = {"metadata": {}, "weight_map": weight_map}
        (target / f"{stem}.{end}.index.json").write_text(json.dumps(index))
    (folder / "made").touch()


def peak_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def read_all(folder, kind, mmap, use):
    """What a program in Python does: the index, the shards, the tensors one by one."""
    index = next(folder.glob("*.index.json"))
    weight_map = json.loads(index.read_text())["weight_map"]
    for shard in sorted(set(weight_map.values())):
        names = [name for name in NAMES if weight_map[name] == shard]
        if kind == "safetensors":
            from safetensors import safe_open

            with safe_open(folder / shard, framework="pt") as file:
                for name in names:
                    use(file.get_tensor(name).float())
        else:
            import torch

            tensors = torch.load(folder / shard, map_location="cpu", mmap=mmap, weights_only=True)
            for name in names:
                use(tensors[name].float())


def work(folder, kind, mmap, threads, passes):
    """One process of Python."""
    import safetensors
    import torch

    torch.set_num_threads(threads)
    baseline = peak_kib()
    seconds = []
    for _ in range(passes):
        begin = time.perf_counter()
        read_all(folder, kind, mmap, lambda values: None)
        seconds.append(time.perf_counter() - begin)
    peak = peak_kib()
    total = {"elements": 0, "sum": 0}

    def add(values):
        total["elements"] += values.numel()
        total["sum"] += int((values.contiguous().view(torch.int32).long() & 0xFFFFFFFF).sum())

    read_all(folder, kind, mmap, add)
    print(json.dumps({
        "seconds": seconds, "baseline_kib": baseline, "peak_kib": peak, **total,
        "versions": f"torch {torch.__version__}, safetensors {safetensors.__version__}, Python {sys.version.split()[0]}",
    }))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--binary", default="target/release/examples/read_checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--work", nargs=3, metavar=("KIND", "MMAP", "THREADS"))
    arguments = parser.parse_args()
    folder, passes = arguments.folder, arguments.passes
    if arguments.work:
        kind, mmap, threads = arguments.work
        work(folder / kind, kind, mmap == "yes", int(threads), passes)
        return
    if not (folder / "made").exists():
        make(folder)

    def python(kind, mmap, threads):
        return [sys.executable, __file__, "--folder", folder, "--passes", passes, "--work", kind, mmap, threads]

    def settling(kind, threads):
        return [arguments.binary, folder / kind, passes, threads]

    rows = []
    for threads in (1, 2):
        label = "1 thread" if threads == 1 else "2 threads"
        rows.append(("safetensors", f"settling, {label}", threads, settling("safetensors", threads)))
        rows.append(("safetensors", f"safe_open, {label}", threads, python("safetensors", "yes", threads)))
    for threads in (1, 2):
        label = "1 thread" if threads == 1 else "2 threads"
        rows.append((".bin", f"settling, {label}", threads, settling("bin", threads)))
        for mmap in ("yes", "no"):
            name = f"torch.load(mmap={mmap == 'yes'}), {label}"
            rows.append((".bin", name, threads, python("bin", mmap, threads)))
    found = [[] for _ in rows]
    for number in range(arguments.rounds):
        for (kind, name, _, command), results in zip(rows, found):
            begin = time.perf_counter()
            output = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
            print(f"round {number + 1}: {kind}, {name}: {time.perf_counter() - begin:.1f} s", file=sys.stderr)
            results.append(json.loads(output))
    assert len({(result["elements"], result["sum"]) for results in found for result in results}) == 1, "other values"

    print(f"{found[1][0]['versions']}; {arguments.rounds} processes of {passes} passes a row\n")
    print("| files | reader | first pass, ms: min / median | later passes, ms: min / median | time x | peak, MB | peak above start, MB | memory x |")
    print("|---|---|---|---|---|---|---|---|")
    ours = {}
    for (kind, name, threads, _), results in zip(rows, found):
        first = [result["seconds"][0] * 1e3 for result in results]
        later = [seconds * 1e3 for result in results for seconds in result["seconds"][1:]]
        peak = statistics.median(result["peak_kib"] for result in results) * 1024 / 1e6
        above = statistics.median(result["peak_kib"] - result["baseline_kib"] for result in results) * 1024 / 1e6
        time_of, above_of = ours.setdefault((kind, threads), (statistics.median(later), above))
        print(
            f"| {kind} | {name} | {min(first):.0f} / {statistics.median(first):.0f} | {min(later):.0f} / {statistics.median(later):.0f} "
            f"| {statistics.median(later) / time_of:.2f} | {peak:.0f} | {above:.0f} | {above / above_of:.2f} |"
        )


if __name__ == "__main__":
    main()
