"""Rows and tasks that are Python objects."""

import json
import math
from typing import Any

import numpy as np
import pytest

import zofo
from zofo.rows import to_dicts, to_json_lines


def test_rows_of_several_kinds() -> None:
    plain = [{"text": "a", "label": 0}, {"text": "é", "label": 1}]
    want = to_json_lines(plain)
    assert want[1] == '{"text": "é", "label": 1}'
    assert to_json_lines(iter(plain)) == want
    assert to_json_lines([{"text": "a", "label": np.int64(0)}, {"text": "é", "label": np.int32(1)}]) == want
    pandas = pytest.importorskip("pandas")
    assert to_json_lines(pandas.DataFrame(plain)) == want
    assert json.loads(to_json_lines(pandas.DataFrame({"x": [1.5, None]}))[1]) == {"x": None}
    pyarrow = pytest.importorskip("pyarrow")
    assert to_json_lines(pyarrow.Table.from_pylist(plain)) == want

    class Split:  # as datasets.Dataset: a sequence of dicts
        features = {"text": str}

        def __len__(self) -> int:
            return 2

        def __iter__(self) -> Any:
            return iter(plain)

    assert to_json_lines(Split()) == want


def test_bad_rows() -> None:
    for rows, message in (
        ("text", "rows: str: must be a list of dicts"), ({"train": []}, "a dict of splits"), (3, "rows: int"),
        ([{"a": 1}, ["b"]], "rows:2: list: must be a dict"), ([{"a": object()}], "rows:1: object is not a text"),
        ([{"a": math.inf}], "rows:1: "), ([], "rows: none"),
    ):
        with pytest.raises(zofo.Error) as caught:
            to_json_lines(rows)
        assert message in str(caught.value)
    assert list(to_dicts([{"a": 1}])) == [{"a": 1}]


def test_task_text() -> None:
    toml = zofo.Task(prompt='"{text}"\n', choices=[" a", "\tb"], labels={True: 1, "no": 0}, more='metric = "macro_f1"').toml()
    assert toml == (
        'name = "task"\nprompt = "\\"{text}\\"\\n"\noptions = [" a", "\\tb"]\nlabel_field = "label"\n'
        'metric = "macro_f1"\n[label_map]\n"true" = 1\n"no" = 0\n'
    )
