"""records.csv as pandas and polars write it anew, in the ways in which they are asked to.

Run: python3 rewritten.py (pandas 3.1.1, polars 2.1.0)
"""

import pandas
import polars

table = pandas.read_csv("records.csv")
table.to_csv("pandas.csv", index=False)
table.to_csv("pandas_index.csv", lineterminator="\r\n", encoding="utf-8-sig")
table.to_csv("pandas_nan.csv", index=False, na_rep="NaN", columns=sorted(table.columns), quoting=1)
integers = table.select_dtypes("number").columns.drop("value")
table.astype({name: "float64" for name in integers}).to_csv("pandas_floats.csv", index=False)
table.convert_dtypes().to_csv("pandas_types.csv", index=False, na_rep="<NA>")

table = polars.read_csv("records.csv")
table.write_csv("polars.csv")
floats = table.with_columns(polars.col("step", "layer", "head", "n", "width").cast(polars.Float64))
floats.write_csv("polars_floats.csv", null_value="null", line_terminator="\r\n", include_bom=True)
