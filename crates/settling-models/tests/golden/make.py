"""Writes the configurations in the folders beside, one for each version of transformers:

    for version in 4.37.1 4.57.1 5.24.0; do
        python -m venv $version && $version/bin/pip install transformers==$version && $version/bin/python make.py
    done

Each is all that a configuration has, `to_dict()`, not only what differs from the defaults. The settings of a family are the same
in every version; each version spells them in its own way. Pico is not in transformers: its class adds the names of
pico-lm/pico-train to those that every configuration has.
"""

import json
import pathlib

import transformers

HERE = pathlib.Path(__file__).parent / transformers.__version__
SIZES = dict(
    vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=128,
)
CASES = {
    "gpt_neox": ("GPTNeoX", dict(
        SIZES, hidden_act="gelu_fast", rotary_pct=0.5, rotary_emb_base=5000, layer_norm_eps=1e-6, use_parallel_residual=False,
    )),
    "gpt2": ("GPT2", dict(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=128, activation_function="relu", layer_norm_epsilon=1e-6,
        scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False,
    )),
    "llama": ("Llama", dict(
        SIZES, hidden_act="gelu", num_key_value_heads=2, rope_theta=5000.0, rope_scaling={"type": "linear", "factor": 2.0},
        rms_norm_eps=1e-5, attention_bias=True, tie_word_embeddings=True,
    )),
    "llama3": ("Llama", dict(
        SIZES, rope_theta=500000.0, rope_scaling=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64,
        ),
    )),
    "mistral": ("Mistral", dict(SIZES, num_key_value_heads=2, rope_theta=5000.0, sliding_window=16)),
    "mistral_all": ("Mistral", dict(SIZES, num_key_value_heads=4, sliding_window=None)),
    "olmo": ("Olmo", dict(SIZES, rope_theta=5000.0, clip_qkv=8.0, tie_word_embeddings=True)),
    "olmo2": ("Olmo2", dict(SIZES, rope_theta=5000.0, rms_norm_eps=1e-6)),
    "pico_decoder": (None, dict(
        vocab_size=64, d_model=32, n_layers=2, max_seq_len=128, attention_n_heads=4, attention_n_kv_heads=2, activation_hidden_dim=48,
        norm_eps=1e-6, position_emb_theta=5000.0, batch_size=1024,
    )),
}


class PicoConfig(transformers.PretrainedConfig):
    model_type = "pico_decoder"


HERE.mkdir(exist_ok=True)
for name, (family, settings) in CASES.items():
    config = PicoConfig if family is None else getattr(transformers, f"{family}Config", None)
    if config is None or name == "llama3" and transformers.__version__ < "4.43":
        continue
    (HERE / f"{name}.json").write_text(json.dumps(config(**settings).to_dict(), indent=2, sort_keys=True) + "\n")
