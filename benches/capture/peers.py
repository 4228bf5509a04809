"""Compares capturing activations and gradients here with Hugging Face transformers: docs/BENCHMARKS.md.

    pip install torch==2.11.0 transformers==5.24.0 safetensors
    cargo build --release -p settling-benches --example run_capture
    python benches/capture/peers.py --folder FOLDER [--models 70m,160m] [--device cuda:0] [--precision bf16]

Makes models of the shapes of Pythia with random weights in f32 in FOLDER, kept for the next run. The tasks:

- activations: what attention.dense and mlp.dense_4h_to_h of every layer write, at the last position of each sequence (what the
  paper uses) or at all, in host memory.
- gradients: of the weights of those two modules, of the mean next-token loss.

The peers:

- transformers with scaled_dot_product_attention, the body of the model alone (no output embedding), one hook a module that keeps the
  rows asked for. For gradients the whole model, with gradients of the write weights alone, or of all weights as `loss.backward()`
  leaves them.
- the paper's way: eager attention, the whole model, hooks.

Every row is run in fresh processes, in turns, on the same weights and tokens; a process makes several passes. Linux only.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

SHAPES = {  # width, layers, heads
    "14m": (128, 6, 4), "70m": (512, 6, 8), "160m": (768, 12, 12), "410m": (1024, 24, 16), "1.4b": (2048, 24, 16), "2.8b": (2560, 32, 32),
}
DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def make(folder, name):
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    width, layers, heads = SHAPES[name]
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=50304, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
        max_position_embeddings=2048, rotary_pct=0.25,
    )
    GPTNeoXForCausalLM(config).save_pretrained(folder / name)


def peak_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def work(folder, task, peer, positions, rows, tokens, device, precision, threads, passes):
    """One process of Python."""
    import torch
    import transformers

    torch.set_num_threads(threads)
    baseline = peak_kib()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, DTYPES[precision]), attn_implementation="eager" if peer == "paper" else "sdpa"
    ).to(device).eval()
    loaded = peak_kib()
    modules = [module for layer in model.gpt_neox.layers for module in (layer.attention.dense, layer.mlp.dense_4h_to_h)]
    place = torch.arange(rows * tokens)
    ids = ((place * place * 31 + place * 7 + 3) % model.config.vocab_size).reshape(rows, tokens).to(device)
    kept = []

    def keep(module, inputs, output):
        chosen = output[:, -1:] if positions == "last" else output
        kept.append(chosen.detach().float().cpu() if positions == "last" else chosen.detach().float().cpu().clone())

    def activations():
        kept.clear()
        with torch.no_grad():
            if peer == "paper":
                model(ids)
            else:
                model.gpt_neox(ids, use_cache=False)
        return kept

    def gradients():
        model.zero_grad(set_to_none=True)
        model(ids, labels=ids, use_cache=False).loss.backward()
        return [module.weight.grad.float().cpu() for module in modules]

    if task == "activations":
        for module in modules:
            module.register_forward_hook(keep)
        run = activations
    else:
        if peer == "write weights":
            for parameter in model.parameters():
                parameter.requires_grad_(False)
            for module in modules:
                module.weight.requires_grad_(True)
        run = gradients
    seconds = []
    for _ in range(passes):
        begin = time.perf_counter()
        results = run()
        seconds.append(time.perf_counter() - begin)
    peak = peak_kib()
    print(json.dumps({
        "seconds": seconds, "baseline_kib": baseline, "loaded_kib": loaded, "peak_kib": peak,
        "squares": float(sum((result.double() ** 2).sum() for result in results)),
        "versions": f"torch {torch.__version__}, transformers {transformers.__version__}, Python {sys.version.split()[0]}",
    }))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--binary", default="target/release/examples/run_capture")
    parser.add_argument("--models", default="70m,160m")
    parser.add_argument("--shapes", default="8x512,1x2048", help="sequences x tokens, separated by commas")
    parser.add_argument("--tasks", default="last,all,gradients")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="f32", choices=DTYPES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--peers", default="", help="only the peers whose name contains this, and settling")
    parser.add_argument("--work", nargs=5, metavar=("TASK", "PEER", "POSITIONS", "ROWS", "TOKENS"))
    arguments = parser.parse_args()
    folder, device, precision, passes = arguments.folder, arguments.device, arguments.precision, arguments.passes
    if arguments.work:
        task, peer, positions, rows, tokens = arguments.work
        work(folder, task, peer, positions, int(rows), int(tokens), device, precision, arguments.threads, passes)
        return
    folder.mkdir(parents=True, exist_ok=True)
    print("| model | tokens | task | who | seconds a pass: min / median | time x | peak above the loaded model, MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    versions = None
    for model in arguments.models.split(","):
        if not (folder / model / "config.json").exists():
            make(folder, model)
        for shape in arguments.shapes.split(","):
            rows, tokens = shape.split("x")
            for label in arguments.tasks.split(","):
                task, positions = ("gradients", "last") if label == "gradients" else ("activations", label)
                peers = ["write weights", "all weights"] if task == "gradients" else ["body, sdpa", "paper"]
                whos = [("settling", [
                    arguments.binary, folder / model, task, positions, rows, tokens, device, precision, arguments.threads, passes, "auto",
                ])] + [(peer, [
                    sys.executable, __file__, "--folder", folder / model, "--passes", passes, "--device", device, "--precision",
                    precision, "--threads", arguments.threads, "--work", task, peer, positions, rows, tokens,
                ]) for peer in peers if arguments.peers in peer]
                found = [[] for _ in whos]
                for _ in range(arguments.rounds):
                    for (_, command), results in zip(whos, found):
                        output = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
                        results.append(json.loads(output.splitlines()[-1]))
                squares = [results[0]["squares"] for results in found]
                tolerance = 1e-4 if precision == "f32" else 0.1
                assert all(abs(value / squares[0] - 1) < tolerance for value in squares), f"other values: {squares}"
                versions = next((results[0]["versions"] for results in found if "versions" in results[0]), versions)
                ours = None
                for (who, _), results in zip(whos, found):
                    # The first pass of a process finds its memory not yet in place.
                    later = [seconds for result in results for seconds in result["seconds"][1:]]
                    ours = ours or statistics.median(later)
                    above = statistics.median(result["peak_kib"] - result["loaded_kib"] for result in results) * 1024 / 1e6
                    print(
                        f"| {model} | {shape} | {label} | {who} | {min(later):.3f} / {statistics.median(later):.3f} "
                        f"| {statistics.median(later) / ours:.2f} | {above:.0f} |", flush=True,
                    )
    print(f"\n{versions}; {device}, {precision}, {arguments.threads} threads; {arguments.rounds} processes of {passes} passes a row")


if __name__ == "__main__":
    main()
