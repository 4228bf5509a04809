"""Writes the files of pytorch.rs with PyTorch, and of each the tensors as safetensors.

    pip install torch==2.11.0 safetensors numpy
    python make.py

<case>.bin is read by our reader, <case>.safetensors has what PyTorch itself reads from it (contiguous copies, nested names joined
with dots), and the two must agree in names, types, shapes and every bit. legacy_<case>.bin is the same in the format from before
PyTorch 1.6, <case>.pickle the same by Python's pickle. The keys of storages in both are addresses, which differ from run to run.
"""

import json
import pathlib
import pickle
import shutil
import zipfile
from collections import OrderedDict

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).parent
torch.manual_seed(1)


def tensors(value, name=""):
    """The tensors in nested dicts and lists; a dict under `state_dict` or `model` of the root is transparent."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in items:
            transparent = name == "" and key in ("state_dict", "model") and isinstance(child, dict)
            yield from tensors(child, "" if transparent else f"{name}.{key}" if name else f"{key}")


def write(name, value, **options):
    path = HERE / f"{name}.bin"
    torch.save(value, path, **options)
    back = torch.load(path, weights_only=False)  # PyTorch refuses its own protocols 4 and 5 otherwise.
    copies = {key: tensor.detach().clone().contiguous() for key, tensor in tensors(back)}
    save_file(copies, HERE / f"{name}.safetensors")


def write_old(name, value):
    """What `write` has written before, as tensors were saved in other ways: by PyTorch before 1.6, and by pickle."""
    torch.save(value, HERE / f"legacy_{name}.bin", _use_new_zipfile_serialization=False)
    (HERE / f"{name}.pickle").write_bytes(pickle.dumps(value, protocol=4))
    expected = load_file(HERE / f"{name}.safetensors")
    for file in (f"legacy_{name}.bin", f"{name}.pickle"):
        back = torch.load(HERE / file, weights_only=False) if file.endswith("bin") else pickle.loads((HERE / file).read_bytes())
        for key, tensor in tensors(back):
            assert tensor.dtype == expected[key].dtype and torch.equal(tensor.nan_to_num(7), expected[key].nan_to_num(7)), key


class Pythia(torch.nn.Module):
    """One attention layer's parameters and buffers, as the Pythia files have them."""

    def __init__(self):
        super().__init__()
        self.dense = torch.nn.Linear(4, 4)
        self.layernorm = torch.nn.LayerNorm(4)
        self.half()
        self.register_buffer("bias", torch.ones(6, 6, dtype=torch.uint8).tril().view(1, 1, 6, 6))
        self.register_buffer("masked_bias", torch.tensor(-1e9).half())
        self.register_buffer("inv_freq", (1 / 10000 ** (torch.arange(0, 4, 2) / 4)).half())


plain = {"weight": torch.randn(3, 5), "bias": torch.randn(5)}
write("plain", plain)
write_old("plain", plain)
for protocol in (2, 3, 4, 5):
    write(f"protocol{protocol}", {**plain, "parameter": torch.nn.Parameter(torch.randn(2))}, pickle_protocol=protocol)
    if protocol != 2:  # Protocol 2 has no strings of bytes.
        (HERE / f"protocol{protocol}.pickle").write_bytes(pickle.dumps(torch.load(HERE / f"protocol{protocol}.bin", weights_only=False), protocol))

pythia = Pythia()
write("pythia", pythia.state_dict())
assert hasattr(pythia.state_dict(), "_metadata") and pythia.masked_bias == -torch.inf

base = torch.randn(4, 6)
deep = torch.randn(2, 3, 4, 5)
views = OrderedDict(
    base=base,
    tied=base,
    transposed=base.t(),
    rows=base[1:3],
    columns=base[:, 2:5],
    every_other=base[::2, 1::3],
    diagonal=base.diagonal(),
    expanded=base[2:3, :1].expand(3, 4),
    permuted=deep.permute(3, 1, 0, 2),
    inner=deep[1, :, 2, 1:],
    last=base[3, 5],
    overlapping=base.as_strided((5, 4), (2, 3), 1),
    channels_last=torch.randn(2, 3, 2, 2).to(memory_format=torch.channels_last),
)
write("views", views)
write_old("views", views)
shapes = {
    "scalar": torch.tensor(1.5),
    "empty": torch.zeros(0),
    "empty_matrix": torch.zeros(3, 0, 2),
    "empty_slice": base[4:],
    "ones": torch.randn(1, 1, 3, 1),
    "nan": torch.tensor([float("nan"), float("inf"), -0.0]),
}
write("shapes", shapes)
write_old("shapes", shapes)
kinds = "float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64 bool uint16 uint32 uint64".split()
types = {kind: torch.tensor([[0, 1, 100], [127, 2, 3]]).to(getattr(torch, kind)) for kind in kinds}
write("types", types)
for kind in ("uint16", "uint32", "uint64"):
    del types[kind]  # PyTorch writes them in the older ways too, but cannot read them.
write("older_types", types)
write_old("older_types", types)

layer = torch.nn.Linear(3, 2)
optimizer = torch.optim.AdamW(layer.parameters())
layer(torch.randn(4, 3)).sum().backward()
optimizer.step()
state = {"step": 7, "seed": 2**63 + 5, "loss": 0.5, "name": "run", "optimizer": optimizer.state_dict()}
write("nested", {**state, "state_dict": layer.state_dict()})
write("model", {"model": OrderedDict(layer.named_parameters()), "rng": [torch.get_rng_state()[:16].clone()]})
torch.serialization.set_crc32_options(False)
write("no_checksums", plain)
torch.serialization.set_crc32_options(True)

# What zip tools make of it: no padding, no 64-bit records, no sizes behind the data. The least that is a checkpoint.
write("repacked", {"a": torch.tensor([[1.0, 2.0]])})
with zipfile.ZipFile(HERE / "repacked.bin") as archive:
    records = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
with zipfile.ZipFile(HERE / "repacked.bin", "w") as archive:
    for name in ("data.pkl", "data/0"):
        archive.writestr(zipfile.ZipInfo(name), records[name])
write_old("repacked", {"a": torch.tensor([[1.0, 2.0]])})

folder = HERE / "sharded"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()
shards = {
    "pytorch_model-00001-of-00002.bin": {"a": torch.randn(2, 3), "b": torch.randn(2).half()},
    "pytorch_model-00002-of-00002.bin": {"c": torch.randn(3).bfloat16()},
}
for name, shard in shards.items():
    torch.save(shard, folder / name)
places = {key: name for name, shard in shards.items() for key in shard}
size = sum(tensor.nbytes for shard in shards.values() for tensor in shard.values())
index = {"metadata": {"total_size": size}, "weight_map": places}
(folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")
save_file({key: value for shard in shards.values() for key, value in shard.items()}, HERE / "sharded.safetensors")

# Files that are refused, or in part.
torch.save(layer, HERE / "legacy_module.bin", _use_new_zipfile_serialization=False)
(HERE / "module.pickle").write_bytes(pickle.dumps(layer, protocol=4))
(HERE / "unread.pickle").write_bytes(pickle.dumps({"a": torch.ones(2), "c": torch.zeros(2, dtype=torch.complex64)}, protocol=4))
torch.jit.script(layer).save(HERE / "torchscript.bin")
torch.save({"a": torch.ones(2), "c": torch.zeros(2, dtype=torch.complex64), "f": torch.zeros(2).to(torch.float8_e5m2)}, HERE / "unread.bin")
torch.save(torch.randn(2), HERE / "one_tensor.bin")
torch.save(layer, HERE / "module.bin")

# Pico's run: prefixes of wrappers, half the files in bfloat16, a file that is missing at one step.
run = HERE / "pico"
shutil.rmtree(run, ignore_errors=True)
for step in (0, 1000):
    folder = run / "checkpoints" / f"step_{step}" / "learning_dynamics"
    folder.mkdir(parents=True)
    copies = {}
    for split in ("train", "val"):
        for signal, rows in (("activations", 3), ("weights", 4), ("gradients", 4)):
            kind = torch.bfloat16 if split == "train" and signal != "gradients" else torch.float32
            modules = [f"_forward_module.layers.{layer}.{name}" for layer in (0, 1) for name in ("attention.v_proj", "swiglu.w_2")]
            states = {module: torch.randn(rows, 2).to(kind) for module in modules}
            if (step, split, signal) != (1000, "train", "gradients"):
                torch.save(states, folder / f"{split}_{signal}.pt")
                copies |= {f"{split}_{signal}/{module}": tensor for module, tensor in states.items()}
    save_file(copies, run / f"step_{step}.safetensors")
