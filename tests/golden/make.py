"""Writes the golden suite of the test ../it/protocols.rs with Hugging Face transformers and numpy.

    pip install torch==2.11.0 transformers==5.24.0 safetensors numpy
    python make.py

The folder `suite` gets a small random GPT-NeoX at three steps, each as transformers saves it, token rows for evaluation (rows.npy), the
rows of a training in its order (training.npy, BATCH rows a step), a protocol of its own (mixed.toml) and expected.json: every number
of a study of the suite under the protocols `corrected`, `published` and `mixed`.

Nothing here knows how settling computes: activations come from hooks, products of matrices are formed, singular values are numpy's, CKA
is written down as it is defined, and the published protocol follows what the released code of "Tending Towards Stability" does,
step by step. Models run in f32, as there; they are run in f64 too, to see that f32 leaves room below the tolerance of the test.
"""

import copy
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers

HERE = pathlib.Path(__file__).parent / "suite"
D, HEADS, LAYERS, CONTEXT, VOCABULARY = 24, 3, 2, 12, 48
HD = D // HEADS
STEPS, BATCHES, BATCH, ROWS = [0, 6, 12], 12, 130, 130

MIXED = """\
name = "mixed"
base = "published"
rows = { sequences = 100, inputs = "context", positions = "every:5" }
views = { activations = "write", weights = "ov", heads = true }
per = { attention = "columns", heads = "head_dim", mlp = "attainable" }

[gradients]
batches = { training = { from = -1, to = 0, take = "all" } }
rows = "all"
sub_batches = { doubling_up_to = 32 }
combine = "mean_per"
"""
# What a protocol asks for, said once more and independently.
PROTOCOLS = {
    "corrected": dict(
        rows=ROWS, tokens=CONTEXT, positions=[CONTEXT - 1], activations="write", weights="write", heads=False,
        batches=None, batch_rows=ROWS, schedule=[ROWS], combine="spectrum", per=dict(layer="all", head="all", mlp="all"),
    ),
    "published": dict(
        rows=128, tokens=CONTEXT + 1, positions=[CONTEXT], activations="ov_flat", weights="ov_flat", heads=True,
        batches={0: [0, 1], 6: [1, 2], 12: [7, 8]}, batch_rows=128, schedule=[1, 2, 4, 8, 16, 32, 64, 1],
        combine="spectrum", per=dict(layer="top", head="top", mlp="top"),
    ),
    "mixed": dict(
        rows=100, tokens=CONTEXT, positions=[4, 9], activations="write", weights="ov", heads=True,
        batches={0: [0], 6: [5, 6], 12: [11]}, batch_rows=BATCH, schedule=[1, 2, 4, 8, 16, 32, 32, 32, 3],
        combine="per", per=dict(layer="columns", head="head_dim", mlp="all"),
    ),
}


def make_model(seed):
    torch.manual_seed(seed)
    config = transformers.GPTNeoXConfig(
        vocab_size=VOCABULARY, hidden_size=D, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=40,
        max_position_embeddings=CONTEXT, rotary_pct=0.5, attn_implementation="eager",
    )
    return transformers.GPTNeoXForCausalLM(config).eval()


def make_suite():
    """The steps lie on a line from one random model to another, so that they resemble each other more or less."""
    shutil.rmtree(HERE, ignore_errors=True)
    first, last = make_model(1), make_model(2)
    with torch.no_grad():
        for model in (first, last):
            for parameter in model.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
    models = {}
    for step, share in zip(STEPS, [0.0, 0.6, 1.0], strict=True):
        model = copy.deepcopy(first)
        with torch.no_grad():
            for parameter, other in zip(model.parameters(), last.parameters(), strict=True):
                parameter.lerp_(other, share)
        folder = HERE / "m" / f"step{step}"
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        models[step] = model
    random = np.random.default_rng(3)
    rows, training = (random.integers(0, VOCABULARY, (count, CONTEXT + 1)) for count in (ROWS, BATCHES * BATCH))
    np.save(HERE / "rows.npy", rows.astype(np.int32))
    np.save(HERE / "training.npy", training.astype(np.uint16))
    (HERE / "mixed.toml").write_text(MIXED)
    return models, torch.tensor(rows), torch.tensor(training)


def value_rows(weight, view):
    """Of the fused projection (or its gradient, or its outputs as rows): what stands for V of all heads, one below the other."""
    if view == "ov_flat":
        return weight[2 * D :]
    return torch.cat([weight[(3 * head + 2) * HD : (3 * head + 3) * HD] for head in range(HEADS)])


def parts(heads):
    """The layer, then its heads: their names, and which of D places they have."""
    yield "", slice(0, D)
    if heads:
        yield from ((f".head{head}", slice(head * HD, (head + 1) * HD)) for head in range(HEADS))


def activations(model, tokens, protocol):
    """By site, (observations, D) in f64."""
    seen, handles = {}, []

    def keep(name, module, inputs=False):
        def hook(_, args, output):
            at = (args[0] if inputs else output)[:, protocol["positions"]]
            seen[name] = at.detach().flatten(0, 1)

        handles.append(module.register_forward_hook(hook))

    for index, layer in enumerate(model.gpt_neox.layers):
        keep((index, "qkv"), layer.attention.query_key_value)
        keep((index, "mixed"), layer.attention.dense, inputs=True)
        keep((index, "attention"), layer.attention.dense)
        keep((index, "mlp"), layer.mlp.dense_4h_to_h)
    with torch.no_grad():
        model(tokens[: protocol["rows"], : protocol["tokens"]], use_cache=False)
    for handle in handles:
        handle.remove()
    found, view = {}, protocol["activations"]
    for index, layer in enumerate(model.gpt_neox.layers):
        output = layer.attention.dense.weight.detach()
        source = seen[index, "mixed"] if view == "write" else value_rows(seen[index, "qkv"].T, view).T
        for name, places in parts(protocol["heads"]):
            if view == "write" and not name:
                part = seen[index, "attention"]
            else:
                part = torch.nn.functional.linear(source[:, places], output[:, places])
            found[f"layer{index}.attention.{view}{name}"] = part.double().numpy()
        found[f"layer{index}.mlp.write"] = seen[index, "mlp"].double().numpy()
    return found


def cka(x, y):
    """Biased, debiased (Song et al.'s U-statistics, from Gram matrices without their diagonals) and the floor."""
    x, y = (z - z.mean(0) for z in (x, y))
    norm = np.linalg.norm
    biased = norm(x.T @ y) ** 2 / (norm(x.T @ x) * norm(y.T @ y))
    n = len(x)

    def hsic(k, l):
        one = np.ones(n)
        trace = np.trace(k @ l)
        return trace + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)

    k, l = (z @ z.T for z in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    debiased = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    ratios = [np.trace(z.T @ z) ** 2 / norm(z.T @ z) ** 2 for z in (x, y)]
    return dict(biased=biased, debiased=debiased, floor=np.sqrt(ratios[0] * ratios[1]) / (n - 1))


def matrices(model, protocol, gradient):
    """By site, the weight that writes, or its gradient; of circuits the product of its factors, and by the product rule."""
    found, view = {}, protocol["weights"]
    for index, layer in enumerate(model.gpt_neox.layers):
        qkv, output, mlp = (
            module.weight for module in (layer.attention.query_key_value, layer.attention.dense, layer.mlp.dense_4h_to_h)
        )
        for name, places in parts(protocol["heads"]):
            o, d_o = (tensor.detach().double()[:, places] if tensor is not None else None for tensor in (output, output.grad))
            if view == "write":
                found[f"layer{index}.attention.{view}{name}"] = d_o if gradient else o
                continue
            v = value_rows(qkv.detach().double(), view)[places]
            if gradient:
                product = d_o @ v + o @ value_rows(qkv.grad.double(), view)[places]
            else:
                product = o @ v
            found[f"layer{index}.attention.{view}{name}"] = product
        found[f"layer{index}.mlp.write"] = (mlp.grad if gradient else mlp.detach()).double()
    return {site: matrix.numpy() for site, matrix in found.items()}


def singular_values(found):
    return {site: np.linalg.svd(matrix, compute_uv=False) for site, matrix in found.items()}


def effective_rank(values):
    p = values / np.abs(values).sum()
    p = p[p > 0]
    return np.exp(-np.sum(p * np.log(p)))


def per(site, values, shape, protocol):
    kind = "mlp" if "mlp" in site else "head" if "head" in site else "layer"
    rule, rank = protocol["per"][kind], effective_rank(values)
    if rule == "top":
        top = values[:HD]
        return "top_head_dim", effective_rank(top) / len(top)
    if rule == "all":
        # The largest rank a matrix can have: of the product of thin factors, that of the factors.
        return "attainable", rank / min(shape)
    return rule, rank / {"columns": shape[1], "head_dim": HD}[rule]


def gradients(model, batch, protocol):
    """The sum of the means over the sub-batches, as repeated calls of backward accumulate it. The published code feeds whole rows
    and lets transformers shift the labels."""
    model.zero_grad()
    start = 0
    for size in protocol["schedule"]:
        rows = batch[start : start + size]
        if protocol["tokens"] > CONTEXT:
            loss = model(rows, labels=rows, use_cache=False).loss
        else:
            logits = model(rows[:, :-1], use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        start += size
    assert start == len(batch)
    return matrices(model, protocol, True)


def study(models, rows, training, protocol):
    numbers = {}
    reference = activations(models[STEPS[-1]], rows, protocol)
    for step, model in models.items():
        for site, x in activations(model, rows, protocol).items():
            for estimator, value in cka(x, reference[site]).items():
                numbers[f"{step} {site} activation cka {estimator}"] = value
        weights = matrices(model, protocol, False)
        for site, values in singular_values(weights).items():
            name, value = per(site, values, weights[site].shape, protocol)
            numbers[f"{step} {site} weight effective_rank"] = effective_rank(values)
            numbers[f"{step} {site} weight per {name}"] = value
        if protocol["batches"] is None:
            batches = [rows]
        else:
            batches = [training[number * BATCH :][: protocol["batch_rows"]] for number in protocol["batches"][step]]
        found = [gradients(model, batch, protocol) for batch in batches]
        spectra = [singular_values(one) for one in found]
        for site, matrix in found[0].items():
            of_batches = [one[site] for one in spectra]
            if protocol["combine"] == "spectrum":
                of_batches = [np.mean(of_batches, axis=0)]
            pers = [per(site, values, matrix.shape, protocol) for values in of_batches]
            numbers[f"{step} {site} gradient effective_rank"] = np.mean([effective_rank(values) for values in of_batches])
            numbers[f"{step} {site} gradient per {pers[0][0]}"] = np.mean([value for _, value in pers])
    return {name: float(value) for name, value in numbers.items()}


def main():
    models, rows, training = make_suite()
    # The published slice is a genuine V for the last head, and for no other.
    qkv = models[0].gpt_neox.layers[0].attention.query_key_value.weight.detach()
    same = [torch.equal(value_rows(qkv, view)[-HD:], qkv[-HD:]) for view in ("ov", "ov_flat")]
    assert same == [True, True] and not torch.equal(value_rows(qkv, "ov")[:HD], value_rows(qkv, "ov_flat")[:HD])
    double = {step: copy.deepcopy(model).double() for step, model in models.items()}
    expected = {}
    for name, protocol in PROTOCOLS.items():
        expected[name] = study(models, rows, training, protocol)
        wide = study(double, rows, training, protocol)
        worst = max(abs(value / wide[key] - 1) for key, value in expected[name].items())
        print(f"{name}: {len(expected[name])} numbers, f32 differs from f64 by {worst:.1e}")
        assert worst < 3e-6
    (HERE / "expected.json").write_text(json.dumps(expected, indent=0, sort_keys=True) + "\n")
    print(f"{sum(file.stat().st_size for file in HERE.rglob('*') if file.is_file())} bytes")


main()
