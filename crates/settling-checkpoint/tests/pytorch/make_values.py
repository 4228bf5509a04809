"""Writes the files of values.rs with PyTorch: values that are no tensors, and tensors that are made in unusual ways.

    pip install torch==2.11.0 safetensors numpy
    python make_values.py

<case>.bin is an archive, legacy_<case>.bin from before PyTorch 1.6, <case>.pickle of Python's pickle. <case>.safetensors has what
PyTorch reads of those tensors that we read too; the others are named in values.rs.
"""

import argparse
import collections
import datetime
import enum
import fractions
import pathlib
import pickle
import types
import uuid
import warnings

import numpy
import torch
from safetensors.torch import save_file

warnings.simplefilter("ignore")
HERE = pathlib.Path(__file__).parent / "values"
torch.manual_seed(2)


class Options:
    """A class of a training script, which nobody has who reads the file."""

    def __init__(self):
        self.rate, self.owner = 0.1, self


class Kind(enum.Enum):
    ONE = 1


class Named(collections.namedtuple("Named", "a b")):
    pass


class Subclass(torch.Tensor):
    pass


def write(case, value, expected, forms=("bin", "legacy", "pickle"), protocol=4):
    if "bin" in forms:
        torch.save(value, HERE / f"{case}.bin")
    if "legacy" in forms:
        torch.save(value, HERE / f"legacy_{case}.bin", _use_new_zipfile_serialization=False)
    if "pickle" in forms:
        (HERE / f"{case}.pickle").write_bytes(pickle.dumps(value, protocol=protocol))
    copies = {name: tensor.detach().resolve_neg().clone().contiguous() for name, tensor in expected.items()}
    save_file(copies, HERE / f"{case}.safetensors")


weight = torch.randn(2, 3)
cycle = [1]
cycle.append(cycle)
others = {
    "size": torch.Size([2, 3]),
    "set": {1, "a"},
    "frozenset": frozenset({2}),
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "device": torch.device("cpu"),
    "dtype": torch.float16,
    "layout": torch.strided,
    "complex": 1 + 2j,
    "counter": collections.Counter("abca"),
    "ordered": collections.OrderedDict(a=1),
    "default": collections.defaultdict(list, {1: [2]}),
    "deque": collections.deque([1, 2], maxlen=3),
    "slice": slice(1, 2),
    "range": range(3),
    "scalar": numpy.float64(0.5),
    "array": numpy.arange(3, dtype=numpy.int32),
    "numpy_dtype": numpy.dtype("float32"),
    "random": numpy.random.RandomState(1).get_state(),
    "args": argparse.Namespace(lr=0.1, betas=(0.9, 0.95)),
    "space": types.SimpleNamespace(a=1),
    "date": datetime.datetime(2024, 1, 2),
    "path": pathlib.PurePosixPath("/a/b"),
    "enum": Kind.ONE,
    "options": Options(),
    "named": Named(1, 2),
    "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=5),
    "class": Options,
    "function": print,
    "text": "x" * 66_000,
    "surrogate": "\ud800",
    "large": 2**3000,
    "none": None,
    "ellipsis": ...,
    "cycle": cycle,
    "generator": torch.Generator().get_state()[:8],
    (1, 2): "a tuple as a key",
    2.5: None,
}
write("others", {"weight": weight, **others, "last": weight[0]}, {"weight": weight, "last": weight[0], "generator": others["generator"]})

parameter = torch.nn.Parameter(torch.randn(2))
parameter.note = "an attribute"
plain_parameter = torch.nn.Parameter(torch.randn(3), requires_grad=False)
attribute = torch.randn(4)
attribute.partition_dim = 0
tensors = {
    "parameter": parameter,
    "plain_parameter": plain_parameter,
    "buffer": torch.nn.Buffer(torch.randn(2)),
    "attribute": attribute,
    "negative": torch._neg_view(torch.tensor([1.0, -2.5, 0.0])),
    "negative_half": torch._neg_view(torch.tensor([[1.0, 2.0], [-3.0, float("inf")]]).half().t()),
    "negative_int": torch._neg_view(torch.tensor([1, -7, 0, 256, -(2**31)], dtype=torch.int32)),
    "imaginary": torch.tensor([1 + 2j, 3 - 4j]).conj().imag,
    "real": torch.tensor([1 + 2j, 3 - 4j]).conj().real,
}
write("tensors", tensors, tensors, forms=("bin", "legacy"))
# Python's pickle drops the bit of the negative: it writes what PyTorch tells it.
write("parameters", {key: tensors[key] for key in ("parameter", "plain_parameter", "buffer", "attribute")}, {key: tensors[key] for key in ("parameter", "plain_parameter", "buffer", "attribute")})

unread = {
    "good": weight,
    "quantized": torch.quantize_per_tensor(torch.randn(2), 0.1, 0, torch.qint8),
    "quantized_4": torch.quantize_per_channel(torch.randn(2, 2), torch.ones(2), torch.zeros(2), 0, torch.quint8),
    "sparse": torch.eye(2).to_sparse(),
    "sparse_rows": torch.eye(2).to_sparse_csr(),
    "meta": torch.ones(2, device="meta"),
    "nested": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "complex": torch.tensor([1 + 2j]),
    "conjugate": torch.tensor([1 + 2j]).conj(),
    "float8": torch.ones(2).to(torch.float8_e4m3fn),
    "subclass": torch.ones(2).as_subclass(Subclass),
    "module": torch.nn.Linear(1, 2),
    "namespace": argparse.Namespace(mask=torch.ones(2)),
    "storage": torch.ones(2).untyped_storage(),
    "after": weight.t(),
}
write("unread", unread, {"good": weight, "after": weight.t()}, forms=("bin",))
del unread["float8"]
write("unread_legacy", unread, {"good": weight, "after": weight.t()}, forms=("legacy",))

model, average = {"w": torch.ones(2)}, {"w": torch.zeros(2)}
for case, value in {
    "average_first": {"model_ema": average, "model": model},
    "two_wrappers": {"state_dict": model, "model": average},
    "module": {"module": model, "optimizer": {"state": {0: {"exp_avg": average["w"]}}}, "args": argparse.Namespace(a=1)},
    "list": [weight, {"a": weight[0]}],
}.items():
    torch.save(value, HERE / f"{case}.bin")
torch.save(argparse.Namespace(lr=0.1), HERE / "namespace.bin")
torch.save(torch.tensor([1.0]).to_sparse(), HERE / "alone.bin")
