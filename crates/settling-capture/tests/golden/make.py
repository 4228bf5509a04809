"""Writes the golden files of the tests in ../capture with Hugging Face transformers.

    pip install torch==2.11.0 transformers==5.24.0 safetensors
    python make.py [CASE ...]

Each case is a small random model in a folder of its own: config.json and model.safetensors as transformers saves them, and
expected.safetensors with what transformers computes from them in f32 with eager attention. Pico is not in transformers: the
class Pico below does what pico-lm/pico-train's model does (src/model/pico_decoder.py), without its cache.

Activations are (sequences * positions, width), of the 12 tokens that are fed of each row of `tokens`, (5, 13):

    layerL.{attention,mlp}.write.activation     what is added to the residual stream
    layerL.attention.write.headH.activation     what the output projection makes of the values that the head has mixed: no bias,
                                                before any norm of the output
    layerL.attention.ov.activation              the same of the values at each position itself: the sum over the heads, and
    layerL.attention.ov.headH.activation        each of them
    layerL.attention.ov_flat[.headH].activation GPT-NeoX only: the same of the last third of the fused projection's outputs, which
                                                the published code of "Tending Towards Stability" takes for the values
    logits; loss, the mean over all targets
    layerL.{attention,mlp}.write.gradient       of the loss with respect to the weight, as (outputs, inputs)
    layerL.attention.ov[.headH].gradient        dO V + O dV from weights and gradients, and the sum of them over the heads
    layerL.attention.ov_flat[.headH].gradient   likewise with the last third of the rows for V, in the case `parallel`
    published.*                               the case `parallel`: loss and gradients, sums over sub-batches of 1, 2, 2 sequences
    embedding, layer1.{input,attention.*,mlp.*,output}, final_norm: on the way, see INTERMEDIATES
    f64/loss, f64/NAME.gradient                 of every parameter, in f64 on the same weights and rotary angles

Heads' activations are stored of layer 1 alone, to keep the files small.

activations.safetensors has `x`, and for the name of every activation function without weights, NAME/value and NAME/gradient in
f64, NAME/value32 in f32. `python make.py activations` writes it alone.
"""

import copy
import json
import math
import pathlib
import sys
from unittest import mock

import torch
import transformers
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

HERE = pathlib.Path(__file__).parent
DETAILED = 1

# Norms have an eps so large that another would be seen.
NEOX = dict(vocab_size=18, max_position_embeddings=12, layer_norm_eps=0.01)
LLAMA = dict(vocab_size=18, max_position_embeddings=12, rms_norm_eps=0.01, num_hidden_layers=2, intermediate_size=14)
# With a padding token its row of the embedding would get no gradient.
OLMO = dict(
    vocab_size=18, max_position_embeddings=12, num_hidden_layers=2, intermediate_size=14, pad_token_id=None, eos_token_id=0,
)
GPT2 = dict(vocab_size=18, n_positions=12, n_layer=2, layer_norm_epsilon=0.01, bos_token_id=0, eos_token_id=0)
CASES = {
    # Pythia's form: parallel residual. 4 of the 6 dimensions of a head are rotated, 4.2 truncated.
    "parallel": ("GPTNeoX", dict(
        NEOX, hidden_size=12, num_attention_heads=2, num_hidden_layers=3, intermediate_size=14,
        use_parallel_residual=True, rotary_pct=0.7, rotary_emb_base=10000,
    )),
    # The other branch of everything: sequential residual, whole heads rotated, tied embeddings, no attention bias. The last
    # third of the fused projection are queries, keys and values of the last head.
    "sequential": ("GPTNeoX", dict(
        NEOX, hidden_size=12, num_attention_heads=3, num_hidden_layers=2, intermediate_size=14,
        use_parallel_residual=False, rotary_pct=1.0, rotary_emb_base=500, tie_word_embeddings=True, attention_bias=False,
    )),
    # GPT-NeoX-20B's activation.
    "parallel_fast": ("GPTNeoX", dict(
        NEOX, hidden_size=8, num_attention_heads=2, num_hidden_layers=2, intermediate_size=14, hidden_act="gelu_fast",
        rotary_pct=0.5,
    )),
    # Two heads of queries to one of keys and values; heads that do not add up to the width; biases everywhere; rotary
    # frequencies of all three sorts: wavelengths 6.3 (high), 12.6 (ramp) and 25 (low).
    "llama": ("Llama", dict(
        LLAMA, hidden_size=12, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
        rope_parameters=dict(
            rope_type="llama3", rope_theta=8.0, factor=4.0, low_freq_factor=0.5, high_freq_factor=1.5,
            original_max_position_embeddings=10,
        ),
    )),
    "llama_plain": ("Llama", dict(
        LLAMA, hidden_size=12, num_attention_heads=2,
        rope_parameters=dict(rope_type="linear", rope_theta=100.0, factor=2.5),
    )),
    "llama_quick": ("Llama", dict(LLAMA, hidden_size=8, num_attention_heads=2, hidden_act="quick_gelu")),
    "mistral": ("Mistral", dict(
        LLAMA, hidden_size=12, num_attention_heads=4, num_key_value_heads=2, head_dim=4, sliding_window=4,
    )),
    "olmo": ("Olmo", dict(OLMO, hidden_size=12, num_attention_heads=2, clip_qkv=1.0)),
    "olmo2": ("Olmo2", dict(OLMO, hidden_size=12, num_attention_heads=3, num_key_value_heads=1, rms_norm_eps=0.1)),
    # Stanford's form: the scores of layer 1 are halved.
    "gpt2": ("GPT2", dict(GPT2, n_embd=12, n_head=3, n_inner=14, scale_attn_by_inverse_layer_idx=True)),
    "gpt2_plain": ("GPT2", dict(GPT2, n_embd=8, n_head=2, tie_word_embeddings=False)),
    "gpt2_relu": ("GPT2", dict(GPT2, n_embd=8, n_head=2, activation_function="relu")),
    "pico": ("Pico", dict(
        vocab_size=18, max_seq_len=12, d_model=12, n_layers=2, attention_n_heads=3, attention_n_kv_heads=1,
        activation_hidden_dim=14, norm_eps=0.01, position_emb_theta=100.0,
    )),
}

# Where the layers are, and in a layer: the projection with the values, the one that writes Attention's output, the first and the
# last of the MLP, and what is added to the stream where that is not what the projections write.
LLAMA_LAYERS = ("model.layers", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj")
ANATOMY = {
    "GPTNeoX": (
        "gpt_neox.layers", "attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h",
    ),
    "Llama": LLAMA_LAYERS,
    "Mistral": LLAMA_LAYERS,
    "Olmo": LLAMA_LAYERS,
    "Olmo2": LLAMA_LAYERS + ("post_attention_layernorm", "post_feedforward_layernorm"),
    "GPT2": ("transformer.h", "attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"),
    "Pico": ("layers", "attention.v_proj", "attention.o_proj", "swiglu.w_0", "swiglu.w_2"),
}
INTERMEDIATES = [
    "input",  # the residual stream
    "attention.input",  # after the norm, if there is one
    "attention.query",  # as they enter the product: normalised, clipped, rotated; heads side by side
    "attention.key",
    "attention.value",
    "attention.mixed",  # what the output projection reads
    "mlp.input",
    "mlp.hidden",  # what the last projection reads
    "output",  # the residual stream
]


class RmsNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return self.weight * x / (x.square().mean(-1, keepdim=True) + self.eps).sqrt()


def eager_attention_forward(module, query, key, value, mask):
    """Of Pico: causal, heads of keys and values serve neighbouring heads of queries. (batch, heads, tokens, head_dim)"""
    shared = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(shared, dim=1) for x in (key, value))
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]) + mask
    return (scores.softmax(-1) @ value).transpose(1, 2)


class PicoRotary(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.theta, self.head_dim = config["position_emb_theta"], config["d_model"] // config["attention_n_heads"]

    def forward(self, tokens):
        frequencies = 1.0 / self.theta ** (torch.arange(0, self.head_dim, 2, dtype=torch.float32) / self.head_dim)
        angles = torch.outer(torch.arange(tokens), frequencies)
        return angles.cos(), angles.sin()


class PicoAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.head_dim, self.rotary_emb = config["d_model"] // config["attention_n_heads"], PicoRotary(config)
        width, key_values = config["d_model"], config["attention_n_kv_heads"] * self.head_dim
        for name, outputs in [("q_proj", width), ("k_proj", key_values), ("v_proj", key_values), ("o_proj", width)]:
            self.add_module(name, nn.Linear(width, outputs, bias=False))

    def rotate(self, x):
        """Dimension 2 i of a head is the real part, 2 i + 1 the imaginary part of a number that is turned."""
        cos, sin = self.rotary_emb(x.shape[2])
        even, odd = x[..., 0::2], x[..., 1::2]
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)

    def forward(self, x):
        heads = lambda projection: projection(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        mask = torch.full((x.shape[1], x.shape[1]), -torch.inf, dtype=x.dtype).triu(1)
        query, key = self.rotate(heads(self.q_proj)), self.rotate(heads(self.k_proj))
        return self.o_proj(eager_attention_forward(self, query, key, heads(self.v_proj), mask).flatten(2))


class PicoMlp(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden = config["d_model"], config["activation_hidden_dim"]
        self.w_0, self.w_1 = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.w_2 = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.w_2(functional.silu(self.w_0(x)) * self.w_1(x))


class PicoLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention, self.swiglu = PicoAttention(config), PicoMlp(config)
        self.attention_norm, self.swiglu_norm = (RmsNorm(config["d_model"], config["norm_eps"]) for _ in range(2))

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.swiglu(self.swiglu_norm(x))


class Pico(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.settings = config
        self.embedding_proj = nn.Embedding(config["vocab_size"], config["d_model"])
        self.layers = nn.ModuleList(PicoLayer(config) for _ in range(config["n_layers"]))
        self.output_norm = RmsNorm(config["d_model"], config["norm_eps"])
        self.de_embedding_proj = nn.Linear(config["d_model"], config["vocab_size"], bias=False)

    def forward(self, ids):
        x = self.embedding_proj(ids)
        for layer in self.layers:
            x = layer(x)
        return self.de_embedding_proj(self.output_norm(x))

    def save_pretrained(self, folder):
        folder.mkdir(exist_ok=True)
        save_file(self.state_dict(), folder / "model.safetensors")
        config = dict(self.settings, model_type="pico_decoder", architectures=["PicoDecoderHF"], batch_size=1024)
        (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


class Double(TorchFunctionMode):
    """Whatever asks for f32 gets f64: the models do in norms and softmax, in whatever type they run. Not so the angles of rotary
    embedding, which belong to a model as its weights do: it was trained with these."""

    active = True

    def __torch_function__(self, function, types, args=(), kwargs=None):
        swap = lambda value: torch.float64 if self.active and value is torch.float32 else value
        if self.active and function is torch.Tensor.float:
            function = torch.Tensor.double
        return function(*map(swap, args), **{name: swap(value) for name, value in (kwargs or {}).items()})

    def spare(self, model):
        def set_active(active):
            self.active = active

        for name, module in model.named_modules():
            if name.endswith("rotary_emb"):
                module.register_forward_pre_hook(lambda *_: set_active(False))
                module.register_forward_hook(lambda *_: set_active(True))


def build(family, settings):
    if family == "Pico":
        return Pico(settings)
    names = {"GPT2": ("GPT2Config", "GPT2LMHeadModel")}
    config, model = names.get(family, (f"{family}Config", f"{family}ForCausalLM"))
    return getattr(transformers, model)(getattr(transformers, config)(**settings, attn_implementation="eager")).eval()


def logits(model, ids):
    return model(ids) if isinstance(model, Pico) else model(ids, use_cache=False).logits


def cross_entropy(model, tokens):
    found = logits(model, tokens[:, :-1])
    return found, functional.cross_entropy(found.flatten(0, 1), tokens[:, 1:].flatten())


def linear(module, tensor):
    """A weight or its gradient as (outputs, inputs): GPT-2's Conv1D is stored transposed."""
    return tensor.T if isinstance(module, transformers.pytorch_utils.Conv1D) else tensor


class Case:
    def __init__(self, family, model):
        path, self.value, self.output, self.mlp_input, self.mlp, *added = ANATOMY[family]
        self.family, self.model = family, model
        self.added = added or [self.output, self.mlp]
        self.layers = model.get_submodule(path)
        self.head = {"Pico": "de_embedding_proj"}.get(family, "lm_head")

    def run(self, ids):
        """What flows, by name."""
        seen, handles, layer_of = {}, [], {}

        def keep(name, module, output):
            """The input or the output of a module. Cloned: OLMo clips in place."""

            def hook(_, args, kwargs, result=None):
                if result is None:
                    result = args[0] if args else kwargs["hidden_states"]
                seen[name] = result.detach().clone()

            register = module.register_forward_hook if output else module.register_forward_pre_hook
            handles.append(register(hook, with_kwargs=True))

        for index, layer in enumerate(self.layers):
            module = lambda name: layer.get_submodule(name)
            keep(f"layer{index}.input", layer, False)
            keep(f"layer{index}.output", layer, True)
            keep(f"layer{index}.attention.input", module(self.value), False)
            keep(f"layer{index}.attention.projected", module(self.value), True)
            keep(f"layer{index}.attention.mixed", module(self.output), False)
            keep(f"layer{index}.attention.write.activation", module(self.added[0]), True)
            keep(f"layer{index}.mlp.input", module(self.mlp_input), False)
            keep(f"layer{index}.mlp.hidden", module(self.mlp), False)
            keep(f"layer{index}.mlp.write.activation", module(self.added[1]), True)
            layer_of[module(self.output.rpartition(".")[0])] = index
        keep("final_norm", self.model.get_submodule(self.head), False)

        code = sys.modules[type(self.model).__module__]
        attend = code.eager_attention_forward

        def attention(module, query, key, value, *args, **kwargs):
            for name, heads in [("query", query), ("key", key), ("value", value)]:
                seen[f"layer{layer_of[module]}.attention.{name}"] = heads.detach().transpose(1, 2).flatten(2).clone()
            return attend(module, query, key, value, *args, **kwargs)

        with torch.no_grad(), mock.patch.object(code, "eager_attention_forward", attention):
            seen["logits"] = logits(self.model, ids)
        for handle in handles:
            handle.remove()
        return {name: value.flatten(0, 1) for name, value in seen.items()}

    def head_blocks(self, index, tensor, flat=False):
        """For each head, of `tensor` of the two weights (themselves, their gradients): the rows of the value projection and the
        columns of the output projection. With `flat` as the published code has them: the last third of the rows for V."""
        value, output = (self.layers[index].get_submodule(path) for path in (self.value, self.output))
        v, o = linear(value, tensor(value.weight)), linear(output, tensor(output.weight))
        head_dim = self.head_dim()
        heads, width = o.shape[1] // head_dim, o.shape[0]
        columns = [o[:, head * head_dim : (head + 1) * head_dim] for head in range(heads)]
        if self.family == "GPTNeoX" and not flat:
            # Per head queries, keys, values.
            rows = [v.unflatten(0, (heads, 3, head_dim))[head, 2] for head in range(heads)]
        elif self.family in ("GPTNeoX", "GPT2"):
            rows = v[2 * width :].split(head_dim)
        else:
            pieces = v.split(head_dim)
            rows = [pieces[head * len(pieces) // heads] for head in range(heads)]
        return list(zip(rows, columns, strict=True))

    def head_dim(self):
        if self.family == "Pico":
            return self.layers[0].attention.head_dim
        config = self.model.config
        return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def site_activations(case, seen):
    """Of the sites, from what flows."""
    sites, head_dim = {}, case.head_dim()
    for index, layer in enumerate(case.layers):
        prefix = f"layer{index}."
        sites |= {name: value for name, value in seen.items() if name.startswith(prefix) and name.endswith(".activation")}
        columns = [o.detach() for _, o in case.head_blocks(index, lambda weight: weight)]
        sources = {
            "write": seen[f"{prefix}attention.mixed"],
            "ov": seen[f"{prefix}attention.value"],
        }
        if case.family == "GPTNeoX":
            sources["ov_flat"] = seen[f"{prefix}attention.projected"][:, 2 * columns[0].shape[0] :]
        for view, source in sources.items():
            pieces = source.split(head_dim, dim=1)
            parts = [pieces[head * len(pieces) // len(columns)] @ o.T for head, o in enumerate(columns)]
            name = f"{prefix}attention.{view}"
            if index == DETAILED:
                sites |= {f"{name}.head{head}.activation": part for head, part in enumerate(parts)}
            if view != "write":
                sites[f"{name}.activation"] = sum(parts)
    return sites


def site_gradients(case, flat):
    """Of the sites, from the gradients that the parameters hold."""
    sites = {}
    for index, layer in enumerate(case.layers):
        attention = f"layer{index}.attention"
        for name, path in [(attention, case.output), (f"layer{index}.mlp", case.mlp)]:
            module = layer.get_submodule(path)
            sites[f"{name}.write.gradient"] = linear(module, module.weight.grad)
        for view in ["ov", "ov_flat"] if flat else ["ov"]:
            weights = case.head_blocks(index, lambda weight: weight.detach(), view == "ov_flat")
            gradients = case.head_blocks(index, lambda weight: weight.grad, view == "ov_flat")
            parts = [d_o @ v + o @ d_v for (v, o), (d_v, d_o) in zip(weights, gradients, strict=True)]
            sites |= {f"{attention}.{view}.head{head}.gradient": part for head, part in enumerate(parts)}
            sites[f"{attention}.{view}.gradient"] = sum(parts)
    return {name: value.clone() for name, value in sites.items()}


def backward(model, batches):
    """The sum over the batches of their mean losses, whose gradient the parameters then hold."""
    model.zero_grad()
    total = 0.0
    for tokens in batches:
        _, loss = cross_entropy(model, tokens)
        loss.backward()
        total += loss.detach()
    return total


def make(name):
    family, settings = CASES[name]
    torch.manual_seed(2)
    model = build(family, settings)
    with torch.no_grad():
        # Larger than a fresh model's, so that nothing (biases, norms) is at its default and attention is far from uniform.
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    folder = HERE / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    # Rows of 13 = 12 + 1 tokens: all 12 inputs have a target.
    tokens = torch.randint(0, settings["vocab_size"], (5, 13))

    case = Case(family, model)
    seen = case.run(tokens[:, :-1])
    expected = {"tokens": tokens.to(torch.int32), "embedding": seen["layer0.input"]}
    expected |= {f"layer{DETAILED}.{part}": seen[f"layer{DETAILED}.{part}"] for part in INTERMEDIATES}
    expected |= {part: seen[part] for part in ["final_norm", "logits"]}
    expected |= site_activations(case, seen)
    expected["loss"] = backward(model, [tokens])
    expected |= site_gradients(case, name == "parallel")
    if name == "parallel":
        expected["published.loss"] = backward(model, [tokens[:1], tokens[1:3], tokens[3:]])
        expected |= {f"published.{site}": value for site, value in site_gradients(case, True).items()}

    double = copy.deepcopy(model).double()
    mode = Double()
    mode.spare(double)
    with mode:
        expected["f64/loss"] = backward(double, [tokens])
    for parameter, value in double.named_parameters():
        stored = parameter.replace("lm_head", "embed_out") if family == "GPTNeoX" else parameter
        expected[f"f64/{stored}.gradient"] = value.grad
    check(case, double, mode, tokens, expected)
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")
    sizes = [file.stat().st_size for file in folder.iterdir()]
    print(f"{name}: loss {expected['loss'].item():.6f}, {sum(sizes)} bytes")


def check(case, double, mode, tokens, expected):
    """That the files say what they are meant to, and f32 leaves room below the tolerance of the tests, 1e-5."""
    largest = lambda difference, scale: (difference.abs().max() / scale.abs().max()).item()
    of_double = Case(case.family, double)
    with mode:
        wide = of_double.run(tokens[:, :-1]) | site_gradients(of_double, False)
    assert all(value.dtype == torch.float64 for value in wide.values())
    for name, value in wide.items():
        if name in expected:
            assert largest(value - expected[name], value) < 3e-6, name
    for index in range(len(case.layers)):
        # Attention adds what its heads write and a bias, the same at all positions (before a norm of the output).
        heads = [value for name, value in expected.items() if name.startswith(f"layer{index}.attention.write.head")]
        if heads and case.family != "Olmo2":
            rest = expected[f"layer{index}.attention.write.activation"] - sum(heads)
            assert (rest - rest[0]).abs().max() < 1e-5
    if case.family == "Olmo":
        value = expected[f"layer{DETAILED}.attention.value"]
        clipped = (value.abs() == case.model.config.clip_qkv).float().mean().item()
        assert 0.05 < clipped < 0.5, clipped


def make_activations():
    x = torch.cat([torch.linspace(-14, 14, 113), torch.tensor([-3.0, 6.0, 1e-3, -1e-3, 1e-20, -0.0, 30.0, -30.0])]).double()
    seen = {"x": x}
    for name in transformers.activations.ACT2CLS:
        if name in ("prelu", "xielu"):
            continue
        function = transformers.activations.ACT2FN[name]
        leaf = x.clone().requires_grad_()
        value = function(leaf)
        (seen[f"{name}/gradient"],) = torch.autograd.grad(value.sum(), leaf)
        seen |= {f"{name}/value": value.detach().clone(), f"{name}/value32": function(x.float())}
    save_file({name: value.contiguous() for name, value in seen.items()}, HERE / "activations.safetensors")


for name in sys.argv[1:] or [*CASES, "activations"]:
    make_activations() if name == "activations" else make(name)
