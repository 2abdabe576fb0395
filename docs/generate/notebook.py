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
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
