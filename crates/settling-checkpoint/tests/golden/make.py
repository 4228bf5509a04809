"""Writes the checkpoints of golden.rs with Hugging Face transformers.

    pip install torch==2.11.0 transformers==5.23.0 safetensors
    python make.py

A tiny random GPTNeoXForCausalLM in f32, f16 and bf16, once more in shards, and expected.json with some of its values.
"""

import json
import pathlib

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

HERE = pathlib.Path(__file__).parent
torch.manual_seed(1)
config = GPTNeoXConfig(
    vocab_size=24,
    hidden_size=8,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=16,
    max_position_embeddings=6,
    rotary_pct=0.5,
    rotary_emb_base=20000,
    use_parallel_residual=False,
)
model = GPTNeoXForCausalLM(config)
expected = {}
for name, kind in {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}.items():
    copy = GPTNeoXForCausalLM(config)
    copy.load_state_dict(model.state_dict())
    copy = copy.to(kind)
    copy.save_pretrained(HERE / name)
    expected[name] = {
        key: value.float().flatten()[:3].tolist() for key, value in copy.state_dict().items() if value.ndim == 2
    }
model.save_pretrained(HERE / "sharded", max_shard_size="4KB")
for stray in HERE.glob("*/generation_config.json"):
    stray.unlink()
# In memory transformers 5 calls it lm_head; on disk the name is embed_out.
text = json.dumps(expected, indent=0).replace("lm_head", "embed_out")
(HERE / "expected.json").write_text(text + "\n")
