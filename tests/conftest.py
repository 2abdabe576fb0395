"""Switches on runtime shape checks, and lets tests import the reference code that lies in `oracle/` and `probe/`."""

import sys
from pathlib import Path

import jaxtyping

# Must come before the first import of accumbens.
jaxtyping.install_import_hook("accumbens", "beartype.beartype")

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("oracle", "probe")]
