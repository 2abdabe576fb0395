#!/usr/bin/env bash
# JAX's persistent compilation cache writes its entries in place: another process can read half of one.
#
# Guess: a cache in a folder that many processes are told to share writes to a temporary file and renames it, as package
# managers and checkpoint libraries do, so that a reader finds an entry whole or not at all.
# Behaviour (jax 0.10.2): an entry is written with `write_bytes` under its final name, without a lock unless eviction is
# on (`jax_compilation_cache_max_size`). A process that reads it meanwhile, or after the writer was killed, gets a
# UserWarning "Error reading persistent compilation cache entry" and compiles anew; the damaged entry stays, so every
# later process is warned too.
# Whom it hurts: test suites and clusters that share JAX_COMPILATION_CACHE_DIR and turn warnings into errors.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
export JAX_COMPILATION_CACHE_DIR="$folder/programs" JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1
cat > "$folder/write.py" <<'PYTHON'
import pathlib

import jax
import jax.numpy as jnp

written = []
original = pathlib.Path.write_bytes


def spy(path, data):
    written.append(path.name)
    return original(path, data)


pathlib.Path.write_bytes = spy
jax.jit(lambda x: jnp.tanh(x) @ x)(jnp.ones((4, 4))).block_until_ready()
final = {entry.name for entry in pathlib.Path(jax.config.jax_compilation_cache_dir).iterdir()}
in_place = [name for name in written if name in final and name.endswith("-cache")]
print(f"jax {jax.__version__}: {len(in_place)} entries were written under their final names")
raise SystemExit(0 if in_place else 1)
PYTHON
cat > "$folder/read.py" <<'PYTHON'
import pathlib
import warnings

import jax
import jax.numpy as jnp

entries = [e for e in pathlib.Path(jax.config.jax_compilation_cache_dir).iterdir() if e.name.endswith("-cache")]
for entry in entries:  # as a reader finds it while it is written, or after the writer was killed
    entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
sizes = {entry: entry.stat().st_size for entry in entries}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    jax.jit(lambda x: jnp.tanh(x) @ x)(jnp.ones((4, 4))).block_until_ready()
said = [str(w.message) for w in caught if "Error reading persistent compilation cache entry" in str(w.message)]
stays = any(entry.stat().st_size == size for entry, size in sizes.items())
print(f"warned {len(said)} time(s); a damaged entry stays: {stays}")
raise SystemExit(0 if said and stays else 1)
PYTHON
"$folder/venv/bin/python" "$folder/write.py"
"$folder/venv/bin/python" "$folder/read.py"
