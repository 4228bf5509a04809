"""Writes the models of models.rs with Hugging Face transformers 4 and 5.

    python -m venv 4 && 4/bin/pip install torch==2.11.0 transformers==4.37.1 "numpy<2" safetensors && 4/bin/python make.py
    python -m venv 5 && 5/bin/pip install torch==2.11.0 transformers==5.24.0 safetensors && 5/bin/python make.py

In this order: 4 writes its own folders, 5 the rest, and for every folder `heads.safetensors`: the value and the output weight of
each attention head, and both write weights of each layer, as the module itself uses them. They are not sliced here by a rule of
ours but found by feeding unit vectors: into the attention, looking at the values that reach the attention function (with its keys
and values repeated by transformers' own function), and out of that function, looking at what the output projection makes of them.
"""

import pathlib

import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
COMMON = dict(vocab_size=16, hidden_size=8, num_hidden_layers=2, num_attention_heads=4, intermediate_size=12)
GPT2 = dict(vocab_size=16, n_positions=8, n_embd=8, n_layer=2, n_head=2)


def save(name, model, half=False):
    for parameter in model.parameters():
        # Biases and norms too: none is left at 0 or 1.
        torch.nn.init.normal_(parameter)
    (model.half() if half else model).save_pretrained(HERE / name, safe_serialization=True)
    for stray in HERE.glob("*/generation_config.json"):
        stray.unlink()


def of_version_4():
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM

    save("neox_v4", GPTNeoXForCausalLM(GPTNeoXConfig(max_position_embeddings=8, **COMMON)), half=True)
    # The buffers that Pythia's files have beside their weights.
    path = HERE / "neox_v4" / "model.safetensors"
    tensors = load_file(path)
    for layer in range(2):
        place = f"gpt_neox.layers.{layer}.attention"
        tensors[f"{place}.bias"] = torch.ones(1, 1, 8, 8, dtype=torch.uint8).tril()
        tensors[f"{place}.masked_bias"] = torch.tensor(float("-inf"), dtype=torch.float16)
        tensors[f"{place}.rotary_emb.inv_freq"] = torch.ones(1, dtype=torch.float16)
    save_file(tensors, path, {"format": "pt"})
    scaled = LlamaConfig(max_position_embeddings=8, rope_scaling={"type": "linear", "factor": 2.0}, **COMMON)
    save("llama_v4", LlamaForCausalLM(scaled))


def of_version_5():
    from transformers import (
        GPT2Config, GPT2LMHeadModel, GPT2Model, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM,
        MistralConfig, MistralForCausalLM, Olmo2Config, Olmo2ForCausalLM, OlmoConfig, OlmoForCausalLM,
    )

    save("neox", GPTNeoXForCausalLM(GPTNeoXConfig(max_position_embeddings=8, **COMMON)))
    save("gpt2", GPT2LMHeadModel(GPT2Config(**GPT2)))
    save("gpt2_bare", GPT2Model(GPT2Config(n_inner=12, **GPT2)))
    grouped = dict(max_position_embeddings=8, num_key_value_heads=2, **COMMON)
    llama3 = dict(
        rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=4,
    )
    # Four heads of 4 in a model of width 8; every projection has a bias; embeddings are tied.
    wide = LlamaConfig(
        head_dim=4, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=llama3, **grouped
    )
    save("llama", LlamaForCausalLM(wide))
    save("mistral", MistralForCausalLM(MistralConfig(sliding_window=4, **grouped)))
    save("olmo", OlmoForCausalLM(OlmoConfig(max_position_embeddings=8, clip_qkv=8.0, **COMMON)))
    save("olmo2", Olmo2ForCausalLM(Olmo2Config(**grouped)))
    for folder in sorted(HERE.glob("*/config.json")):
        heads(folder.parent)


def heads(folder):
    from transformers.models.llama.modeling_llama import repeat_kv
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.zeros_(parameter)
    width, count = model.config.hidden_size, model.config.num_attention_heads
    seen, given = {}, {}

    def attend(module, query, key, value, *_, **__):
        seen["values"] = repeat_kv(value, count // value.shape[1])[0]
        # One unit vector of one head a position, (batch, position, head, dimension); the rest of the positions are 0.
        output = torch.zeros(1, query.shape[2], count, value.shape[3])
        for dimension in range(value.shape[3]):
            output[0, dimension, given["head"], dimension] = 1
        return output, None

    ALL_ATTENTION_FUNCTIONS.register("units", attend)
    model.config._attn_implementation = "units"
    base = model.base_model
    found = {}
    units = torch.eye(width)[None]
    for number, layer in enumerate(base.h if hasattr(base, "h") else base.layers):
        attention = next(getattr(layer, name) for name in ("self_attn", "attention", "attn") if hasattr(layer, name))
        dense = next(getattr(layer.mlp, name) for name in ("down_proj", "dense_4h_to_h", "c_proj") if hasattr(layer.mlp, name))
        head_dim = getattr(attention, "head_dim", None) or attention.head_size
        turned = getattr(attention, "rotary_ndims", head_dim)
        turns = (torch.ones(1, width, turned), torch.zeros(1, width, turned))
        place = {} if model.config.model_type == "gpt2" else {"position_embeddings": turns}
        for head in range(count):
            given["head"] = head
            written = attention(hidden_states=units, attention_mask=None, **place)[0][0]
            found[f"{number}.{head}.value"] = seen["values"][head].T.contiguous()
            found[f"{number}.{head}.output"] = written[:head_dim].T.contiguous()
        found[f"{number}.attention"] = torch.cat([found[f"{number}.{head}.output"] for head in range(count)], 1)
        inner = getattr(model.config, "intermediate_size", None) or getattr(model.config, "n_inner", None) or 4 * width
        found[f"{number}.mlp"] = dense(torch.eye(inner)).T.contiguous()
    save_file({name: tensor.detach() for name, tensor in found.items()}, folder / "heads.safetensors")


torch.manual_seed(1)
with torch.no_grad():
    of_version_4() if transformers.__version__.startswith("4.") else of_version_5()
