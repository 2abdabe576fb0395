"""Executes the notebook of the examples, and keeps what its cells print and draw: a minute or two on two cores.

uv run --group test python docs/generate/notebook.py
"""

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


def main() -> None:
    """Execute it in an empty folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, kernel_name="python3", record_timing=False, resources=resources).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_note_of_a_busy_machine(output)]
    nbformat.write(notebook, NOTEBOOK)


def _is_note_of_a_busy_machine(output: nbformat.NotebookNode) -> bool:
    return "still compiling after" in output.get("data", {}).get("text/plain", "")


if __name__ == "__main__":
    main()
