"""Conversion of rows of data: lists of dicts, pandas, polars, Arrow tables, datasets. None of these is imported."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from zofo._core import Error

Rows = Any
"""A list or another iterable of dicts, a pandas DataFrame, an Arrow table, or a split of `datasets`."""


def to_dicts(rows: Rows) -> Iterator[Mapping[str, Any]]:
    """The rows as dicts. Raises zofo.Error naming the type, or the number of a row that is no dict."""
    if isinstance(rows, (str, bytes, Mapping)):
        raise Error(
            f"rows: {type(rows).__name__}: must be a list of dicts, a pandas DataFrame, an Arrow table or a dataset"
            + (" (a dict of splits: choose one, rows['train'])" if isinstance(rows, Mapping) else "")
        )
    if hasattr(rows, "to_pylist"):  # pyarrow.Table, RecordBatch
        iterator: Iterable[Any] = rows.to_pylist()
    elif hasattr(rows, "iloc") and hasattr(rows, "columns"):  # pandas.DataFrame
        iterator = rows.to_dict("records")
    elif hasattr(rows, "iter_rows") and hasattr(rows, "columns"):  # polars.DataFrame
        iterator = rows.iter_rows(named=True)
    elif isinstance(rows, Iterable):
        iterator = rows
    else:
        raise Error(
            f"rows: {type(rows).__name__}: must be a list of dicts, a pandas DataFrame, an Arrow table or a dataset"
        )
    for number, row in enumerate(iterator, 1):
        if not isinstance(row, Mapping):
            raise Error(f"rows:{number}: {type(row).__name__}: must be a dict")
        yield row


def _plain(value: Any) -> Any:
    """Converts a value that json cannot write: NumPy's and pandas' scalars, arrays and dates."""
    for method in ("tolist", "item", "isoformat"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} is not a text, number, list or dict")


def _without_nan(value: Any) -> Any:
    """Replaces NaN, which pandas uses for missing values, by None."""
    return None if isinstance(value, float) and math.isnan(value) else value


def to_json_lines(rows: Rows) -> list[str]:
    """The rows as JSON objects, one per line. Raises zofo.Error naming the row that cannot be written."""
    lines = []
    for number, row in enumerate(to_dicts(rows), 1):
        try:
            fields = {str(name): _without_nan(value) for name, value in row.items()}
            lines.append(json.dumps(fields, ensure_ascii=False, allow_nan=False, default=_plain))
        except (TypeError, ValueError) as error:
            raise Error(f"rows:{number}: {error}") from None
    if not lines:
        raise Error("rows: none: there must be at least one")
    return lines
