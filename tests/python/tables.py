"""Runs the Python of docs/SCHEMA.md on a study's output, and prints what each block ends with.

python tables.py SCHEMA.md    in the study's folder, with this folder's requirements.txt installed. `tests/it/schema.rs` runs it, and
                              says there what is expected.

One line of JSON per block: the columns of the table that its last line names, each with its type and its cells, which are text that
reads back to the same number (an undefined one is null).
"""

import ast
import json
import re
import sys
from pathlib import Path


def run(code):
    """The value of the last line of a block, which stands alone as it would in a notebook."""
    *lines, last = ast.parse(code).body
    names = {}
    exec(compile(ast.Module(lines, []), "SCHEMA.md", "exec"), names)
    return eval(compile(ast.Expression(last.value), "SCHEMA.md", "eval"), names)


def cell(value):
    if value is None or value != value:  # None, or NaN, which is what pandas has for it
        return None
    return str(value)


def table(frame):
    if hasattr(frame, "reset_index"):
        # What pandas has as the index of its rows is a column to polars.
        numbered = frame.index.names == [None]
        frame = frame.reset_index(drop=numbered)
        columns = {str(name): frame[name] for name in frame.columns}
    else:
        columns = frame.to_dict()
    return {
        name: {"type": str(column.dtype), "cells": [cell(value) for value in column.to_list()]}
        for name, column in columns.items()
    }


text = Path(sys.argv[1]).read_text()
for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
    print(json.dumps(table(run(block)), allow_nan=False))
