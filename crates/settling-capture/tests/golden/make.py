"""Writes the golden files of golden.rs with Hugging Face transformers.

    pip install torch==2.11.0 transformers==5.23.0 safetensors
    python make.py

Each case is a small random GPTNeoXForCausalLM: its weights and config.json as transformers saves them, and in
expected.safetensors the tokens, what every layer's attention.dense and mlp.dense_4h_to_h write, logits, loss, and the gradients of
the two weights, all computed by transformers in f32 with eager attention.
"""

import pathlib

import torch
from safetensors.torch import save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

HERE = pathlib.Path(__file__).parent
CASES = {
    # Pythia's form: parallel residual, a quarter of each head rotated.
    "parallel": dict(use_parallel_residual=True, rotary_pct=0.25, rotary_emb_base=10000),
    # The other branch of everything: sequential residual, whole heads rotated, tied embeddings, no attention bias.
    "sequential": dict(
        use_parallel_residual=False, rotary_pct=1.0, rotary_emb_base=500, tie_word_embeddings=True, attention_bias=False
    ),
}

for name, settings in CASES.items():
    torch.manual_seed(20241112)
    config = GPTNeoXConfig(
        vocab_size=48,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=80,
        max_position_embeddings=12,
        attn_implementation="eager",
        **settings,
    )
    model = GPTNeoXForCausalLM(config).eval()
    with torch.no_grad():
        # Larger than a fresh model's, so that nothing (biases, LayerNorms) is at its default and attention is far from uniform.
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    folder = HERE / name
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)

    # Rows of 13 = 12 + 1 tokens: all 12 inputs have a target.
    tokens = torch.randint(0, config.vocab_size, (5, 13))
    expected = {"tokens": tokens.to(torch.int32)}
    written = {}

    def keep(key):
        def hook(module, inputs, output):
            written[key] = output.detach().clone()

        return hook

    sites = {}
    for index, layer in enumerate(model.gpt_neox.layers):
        sites[f"layer{index}.attention.write"] = layer.attention.dense
        sites[f"layer{index}.mlp.write"] = layer.mlp.dense_4h_to_h
    for key, module in sites.items():
        module.register_forward_hook(keep(key))
    logits = model(tokens[:, :-1]).logits
    for key in sites:
        expected[f"{key}.activation"] = written[key]
    expected["logits"] = logits.detach().clone()
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, config.vocab_size), tokens[:, 1:].reshape(-1))
    loss.backward()
    expected["loss"] = loss.detach().clone()
    for key, module in sites.items():
        expected[f"{key}.gradient"] = module.weight.grad.clone()
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")
    print(name, f"loss {loss.item():.6f}", sum(file.stat().st_size for file in folder.iterdir()), "bytes")
