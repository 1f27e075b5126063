"""The notebook runs, and shows what the text around it says."""

from pathlib import Path
from typing import Any

import pytest

import zofo

NOTEBOOK = Path(__file__).parents[2] / "examples" / "demo.ipynb"


def outputs(cell: Any) -> str:
    """The text of a cell's outputs."""
    texts = []
    for each in cell.get("outputs", ()):
        texts.append(each.get("text", "") or each.get("data", {}).get("text/plain", ""))
    return "\n".join(texts)


def test_notebook(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    saved = [outputs(cell) for cell in notebook.cells]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell("print(zofo.__file__)"))
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    assert outputs(notebook.cells.pop()).strip() == zofo.__file__  # no other kernel's package
    for cell, before in zip(notebook.cells, saved, strict=True):
        assert bool(outputs(cell)) == bool(before), cell.source
    [first] = [cell for cell in notebook.cells if "zofo.load(model).evaluate(task)" in cell.source]
    assert "accuracy=0.4" in outputs(first)  # untrained; the same in the saved notebook
    [last] = [cell for cell in notebook.cells if "solver.solve(" in cell.source]
    assert "0.9009009" in outputs(last)
