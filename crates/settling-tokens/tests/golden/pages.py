"""Parquet files whose columns have many pages, all of the same rows: make.py calls this."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, WIDTH = 40, 9
STEPS = [row // 8 for row in range(ROWS)]
IDS = [[(row * 7919 + column * 104729) % 50277 for column in range(WIDTH)] for row in range(ROWS)]


def by_pyarrow(path, id_type=pa.int64(), list_type=pa.list_, rows=IDS, steps=STEPS, **options):
    table = pa.table({"ids": pa.array(rows, list_type(id_type)), "step": pa.array(steps, pa.int64())})
    pq.write_table(table, path, **{"data_page_size": 128, "write_batch_size": 4, "row_group_size": 25, **options})


def by_polars(path):
    table = pl.DataFrame({"ids": IDS, "step": STEPS}, schema={"ids": pl.List(pl.Int32), "step": pl.UInt32})
    table.write_parquet(path, compression="snappy", data_page_size=128, row_group_size=25)


def by_pandas(path):
    table = pd.DataFrame({"step": STEPS, "ids": [np.array(row, "uint16") for row in IDS]})
    table.to_parquet(path, data_page_size=128, write_batch_size=4)
