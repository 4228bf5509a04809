"""Writes the files that the tests beside read:  pip install numpy pyarrow pandas polars; python make.py"""

import pathlib
import struct

import numpy as np
import pages
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
rows = np.array([[0, 1, 2, 50276], [7, 6, 5, 4], [65535, 0, 300, 1]])
for dtype in ["int32", "int64", "uint16", ">i4", "uint32"]:
    np.save(HERE / f"{dtype.replace('>', 'big-')}.npy", rows.astype(dtype))
np.save(HERE / "fortran.npy", np.asfortranarray(rows.astype("int32")))
np.save(HERE / "fortran-big.npy", np.asfortranarray(rows.astype(">u8")))
for dtype in ["int8", "uint8"]:
    np.save(HERE / f"{dtype}.npy", (rows % 128).astype(dtype))
for version in [(2, 0), (3, 0)]:
    with open(HERE / f"version-{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, rows.astype("uint16"), version)
np.save(HERE / "flat.npy", rows.astype("int32").ravel())
np.save(HERE / "number.npy", np.int32(7))
np.save(HERE / "cube.npy", rows.astype("int32").reshape(3, 2, 2))
np.save(HERE / "narrow.npy", np.zeros((4, 0), "int32"))
np.save(HERE / "truth.npy", rows > 4)
np.save(HERE / "complex.npy", rows.astype("complex64"))
np.save(HERE / "text.npy", rows.astype("U5"))
np.save(HERE / "fields.npy", np.zeros((3, 4), [("id", "<i4")]))
np.savez(HERE / "archive.npz", rows=rows)
with open(HERE / "two.npy", "wb") as file:
    np.save(file, rows.astype("int32"))
    np.save(file, rows.astype("int32"))


def written_by_hand(name, header, data):
    """What other writers than this NumPy write, and this one reads."""
    header = header.encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path = HERE / f"{name}.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)
    return np.load(path)


# Python 2 on Windows; other libraries.
for name, descr, header in [
    ("python-2", "<i8", "{'descr': '<i8', 'fortran_order': False, 'shape': (3L, 4L), }"),
    ("quotes", "<i4", '{"shape": (3,4), "fortran_order": False, "descr": "i4"}'),
    ("names", "<u2", "{'descr': 'uint16', 'fortran_order': False, 'shape': (3, 4)}"),
]:
    assert np.array_equal(written_by_hand(name, header, rows.astype(descr).tobytes()), rows)

# Matrices: every value is exact in half precision.
values = np.array([[0.5, -2.0, 1024.0], [6.103515625e-05, 5.960464477539063e-08, -0.0]])
for dtype in ["float16", "float32", "float64", ">f2", ">f4", ">f8"]:
    np.save(HERE / f"matrix-{dtype.replace('>', 'big-')}.npy", values.astype(dtype))
np.save(HERE / "matrix-fortran.npy", np.asfortranarray(values.astype("float16")))
np.save(HERE / "matrix-int8.npy", np.array([[-128, 127, 0], [1, 2, 3]], "int8"))
np.save(HERE / "matrix-exact.npy", np.array([[1, 2**53 + 1]], "int64"))
np.save(HERE / "matrix-nan.npy", np.array([[np.nan, np.inf], [-np.inf, 1.0]], "float16"))
np.save(HERE / "float.npy", rows.astype("float32"))
np.save(HERE / "empty.npy", np.zeros((0, 4), "int32"))
np.save(HERE / "negative.npy", np.array([[1, 2], [3, -1]], "int64"))
np.save(HERE / "ragged.npy", np.array([[1, 2], [3]], dtype=object), allow_pickle=True)


# Megatron data sets: a .bin of all sequences one behind the other, an .idx that says where each begins.
# https://github.com/EleutherAI/pythia, utils/mmap_dataset.py, reads them.
CODES = {"uint8": 1, "int16": 3, "int32": 4, "int64": 5, "float32": 6, "uint16": 8}


def megatron(name, sequences, dtype):
    sequences = [np.asarray(sequence, dtype) for sequence in sequences]
    lengths = np.array([len(sequence) for sequence in sequences])
    starts = np.cumsum(lengths) - lengths
    (HERE / f"{name}.bin").write_bytes(b"".join(sequence.tobytes() for sequence in sequences))
    with open(HERE / f"{name}.idx", "wb") as idx:
        idx.write(b"MMIDIDX\x00\x00")
        idx.write(struct.pack("<QBQQ", 1, CODES[dtype], len(sequences), len(sequences) + 1))
        idx.write(lengths.astype("<i4").tobytes())
        idx.write((starts * np.dtype(dtype).itemsize).astype("<i8").tobytes())
        idx.write(np.arange(len(sequences) + 1, dtype="<i8").tobytes())


small = rows[:, [0, 1, 2]] % 32768
megatron("megatron-u16", rows, "uint16")
for dtype in ["int16", "int32", "int64"]:
    megatron(f"megatron-{dtype}", small, dtype)
megatron("megatron-float32", small, "float32")
megatron("megatron-ragged", [[1, 2, 3], [4, 5, 6], [7, 8], [9, 10, 11]], "uint16")
megatron("megatron-negative", [[1, 2], [3, -15260]], "int16")
megatron("megatron-uint8", small % 256, "uint8")
megatron("megatron-multimodal", rows, "uint16")
with open(HERE / "megatron-multimodal.idx", "ab") as idx:
    # Of text and of an image; megatron.core.datasets.indexed_dataset writes them behind all else.
    idx.write(np.array([0, 1, 0], "int8").tobytes())

# Parquet as the data set of the paper has it: a list of ids and the step of its batch, a row each.
ids = [[step * 10 + row, row, 65535, step] for step in (0, 2, 7) for row in range(3)]
steps = [step for step in (0, 2, 7) for row in range(3)]


def parquet(name, ids, steps, id_type=pa.uint16(), step_type=pa.int64(), names=("ids", "step"), **options):
    ids = ids if isinstance(ids, pa.Array) else pa.array(ids, pa.list_(id_type))
    table = pa.table([ids, pa.array(steps, step_type)], names=list(names))
    pq.write_table(table, HERE / f"{name}.parquet", **{"compression": "snappy", **options})


parquet("u16", ids, steps)
parquet("i32", ids, steps, pa.int32(), pa.int32(), row_group_size=4)
parquet("i64", ids, steps, pa.int64(), row_group_size=2, data_page_version="2.0", compression="none")
parquet("plain", ids, steps, use_dictionary=False, store_schema=False, data_page_size=8, write_batch_size=1)
parquet("large-list", pa.array(ids, pa.large_list(pa.uint32())), steps, step_type=pa.uint16())
parquet("fixed-list", pa.array(ids, pa.list_(pa.int32(), 4)), steps)
parquet("unsorted", ids, [step for row in range(3) for step in (7, 0, 2)], row_group_size=4)
parquet("ragged", [*ids[:4], [1, 2, 3], *ids[5:]], steps)
parquet("negative", [*ids[:4], [1, -2, 3, 4], *ids[5:]], steps, pa.int32())
parquet("null-id", [*ids[:4], [1, None, 3, 4], *ids[5:]], steps)
parquet("null-row", [*ids[:4], None, *ids[5:]], steps)
parquet("empty-row", [[], *ids[1:]], steps)
parquet("null-step", ids, [*steps[:4], None, *steps[5:]])
parquet("negative-step", ids, [*steps[:4], -1, *steps[5:]])
parquet("no-rows", [], [])
parquet("float-ids", ids, steps, pa.float32())
parquet("flat-ids", pa.array(steps), steps)
parquet("nested-ids", pa.array([[row] for row in ids]), steps)
parquet("text-step", ids, [str(step) for step in steps], step_type=pa.string())
parquet("no-step", ids, steps, names=("ids", "steps"))
parquet("zstd", ids, steps, compression="zstd")

# Many pages in each column chunk.
for version in ["1.0", "2.0"]:
    for dictionary in [False, True]:
        for compression in ["none", "snappy"]:
            name = f"pages-v{version[0]}-{'dictionary' if dictionary else 'plain'}-{compression}"
            pages.by_pyarrow(
                HERE / f"{name}.parquet",
                data_page_version=version,
                use_dictionary=dictionary,
                compression=compression,
            )
pages.by_polars(HERE / "pages-polars.parquet")
pages.by_pandas(HERE / "pages-pandas.parquet")
