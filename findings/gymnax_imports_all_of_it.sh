#!/usr/bin/env bash
# One environment of gymnax cannot be imported without all the others: it fails without six, which gymnax does not
# declare, and with it imports seaborn, pyplot, pandas and SciPy's statistics.
#
# Guess: after `pip install gymnax`, the file of CartPole, which needs JAX and Flax's dataclasses, imports these two.
# Behaviour (gymnax 1.0.1): `gymnax/environments/__init__.py` imports every environment, and Python imports it before any
# module below it. The bandit on MNIST imports six; python-dateutil, which used to bring it, needs it no more since 4.0.
# Pong imports seaborn (with pandas and scipy.stats), Catch imports pyplot.
# Whom it hurts: whoever installs gymnax today, or a package that depends on it, and plays CartPole: it does not import.
# With six at hand every process that plays waits for the plotting libraries, longer than for JAX itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip="$folder/venv/bin/pip install --quiet --disable-pip-version-check"
$pip gymnax==1.0.1 jax==0.10.2 flax==0.12.8 seaborn==0.13.2 python-dateutil==4.0.0 2> "$folder/log" ||
    { cat "$folder/log"; exit 1; }
cat > "$folder/look.py" <<'PYTHON'
import sys
import time

import jax  # noqa: F401
from flax import struct  # noqa: F401

before, begin = set(sys.modules), time.process_time()
try:
    from gymnax.environments.classic_control.cartpole import CartPole  # noqa: F401
except ModuleNotFoundError as error:
    print("gymnax 1.0.1, CartPole:", error)
    raise SystemExit(3 if error.name == "six" else 1) from None
seconds, new = time.process_time() - begin, set(sys.modules) - before
plotting = {"seaborn", "matplotlib.pyplot", "pandas", "scipy.stats"}
print(f"gymnax 1.0.1, CartPole, after JAX and Flax: {len(new)} more modules in {seconds:.1f} CPU seconds, among them",
      ", ".join(sorted(plotting & new)))
raise SystemExit(0 if plotting <= new else 1)
PYTHON
if "$folder/venv/bin/python" -W ignore "$folder/look.py"; then without=0; else without=$?; fi
$pip six==1.17.0 2> "$folder/log" || { cat "$folder/log"; exit 1; }
"$folder/venv/bin/python" -W ignore "$folder/look.py"
[ "$without" = 3 ]
