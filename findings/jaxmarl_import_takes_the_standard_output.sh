#!/usr/bin/env bash
# Importing JaxMARL replaces sys.stdout and sys.stderr of the whole process, and prints in spite of a redirection.
#
# Guess: `import jaxmarl` may print, which whoever has put another stream in the place of `sys.stdout` gets; afterwards
# `sys.stdout` is the stream that it was before.
# Behaviour (jaxmarl 0.2.0): on the way to its robots it assigns sys.__stdout__ and sys.__stderr__ to sys.stdout and
# sys.stderr, and does not put back what was there. What it prints goes past a redirection; and whatever had taken the
# place of the two streams, such as a notebook's, a test runner's capture or a log file, is not written to any more.
# Whom it hurts: everybody who imports it in a notebook or under a capture: all that is printed afterwards is lost there,
# and programs that print JSON get two lines of prose in it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jaxmarl==0.2.0 jax==0.10.2 jaxlib==0.10.2
cat > "$folder/look.py" <<'PYTHON'
import importlib.metadata
import io
import sys

before = sys.stdout
sys.stdout = own = io.StringIO()  # as a notebook or a test runner does
import jaxmarl  # noqa: E402, F401

lost, caught = sys.stdout is not own, own.getvalue()
sys.stdout = before
version = importlib.metadata.version("jaxmarl")
print(f"jaxmarl {version}: the stream was replaced: {lost}; what it printed there: {caught!r}")
sys.exit(0 if lost and not caught else 1)
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/look.py"
