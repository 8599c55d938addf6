"""The notebooks run from the first cell to the last, in an empty folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.full
@pytest.mark.model
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_answers_from_what_it_found(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = "".join(printed(notebook))
    assert "finally" in said
    assert "try-" in said
    # A warning of our own is of something that the notebook should do in another way.
    assert "UserWarning" not in "".join(printed(notebook, "stderr"))


def printed(notebook: Any, stream: str = "stdout") -> list[str]:
    """What the cells of a notebook print."""
    return [
        output["text"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.get("name") == stream
    ]


def test_notebooks_show_what_they_print_and_no_warning() -> None:
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        assert printed(notebook)
        for cell in notebook.cells:
            assert not any(output.get("name") == "stderr" for output in cell.get("outputs", []))
