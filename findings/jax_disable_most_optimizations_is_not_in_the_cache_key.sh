#!/usr/bin/env bash
# JAX's switch `jax_disable_most_optimizations` does not reach programs that were compiled before it was turned.
#
# Guess: like `jax_enable_x64` or `jax_default_matmul_precision`, the switch is part of the key of JAX's cache in memory,
# so that a function called after `jax.config.update("jax_disable_most_optimizations", ...)` is compiled anew.
# Behaviour (jax 0.10.2, CPU): it is not. A jitted function, and every eager operation, keeps the program of the setting
# under which it first ran; `jax.clear_caches()` is needed. Turned on and off again by a fixture or a context manager,
# it leaves slowly compiled and quickly compiled programs mixed, and results depend on what ran before, in the last bits.
# Whom it hurts: test suites that turn it on for some tests; anybody who compares runs of one process to the bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp


def compilations(key, before, after):
    """How often the same call is compiled when a switch is turned between two calls."""
    count = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: count.append(event) if event.endswith("backend_compile_duration") else None
    )
    f = jax.jit(lambda x: jnp.tanh(x) @ x)
    x = jnp.ones((4, 4))
    jax.config.update(key, before)
    f(x).block_until_ready()
    first = len(count)
    jax.config.update(key, after)
    f(x).block_until_ready()
    return len(count) - first


precision = compilations("jax_default_matmul_precision", None, "float32")
optimisations = compilations("jax_disable_most_optimizations", False, True)
jax.clear_caches()
print(f"jax {jax.__version__}: compiled anew after jax_default_matmul_precision: {precision > 0}")
print(f"jax {jax.__version__}: compiled anew after jax_disable_most_optimizations: {optimisations > 0}")
raise SystemExit(0 if precision > 0 and optimisations == 0 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
