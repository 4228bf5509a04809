"""Writes the .npy files of tokens.rs with NumPy:  pip install numpy; python make.py"""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
rows = np.array([[0, 1, 2, 50276], [7, 6, 5, 4], [65535, 0, 300, 1]])
for dtype in ["int32", "int64", "uint16", ">i4", "uint32"]:
    np.save(HERE / f"{dtype.replace('>', 'big-')}.npy", rows.astype(dtype))
np.save(HERE / "fortran.npy", np.asfortranarray(rows.astype("int32")))
np.save(HERE / "flat.npy", rows.astype("int32").ravel())
np.save(HERE / "float.npy", rows.astype("float32"))
np.save(HERE / "empty.npy", np.zeros((0, 4), "int32"))
np.save(HERE / "negative.npy", np.array([[1, 2], [3, -1]], "int64"))
np.save(HERE / "ragged.npy", np.array([[1, 2], [3]], dtype=object), allow_pickle=True)
