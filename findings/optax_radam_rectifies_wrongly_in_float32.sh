#!/usr/bin/env bash
# In float32, optax's rectified Adam rectifies too early and too much, the more so the nearer b2 is to one.
#
# Guess: in float32 and in float64 the steps agree to about 1e-6, as Adam's do, and the first five of b2 = 0.9999 are
# those of momentum alone in both (the length of the approximated average is below the threshold of 5).
# Behaviour (optax 0.2.8, jax 0.10.2, CPU): that length is the difference of 2 / (1 - b2) - 1 and of a term that is first
# nearly as large, and itself made of 1 - b2^t in float32. With b2 = 0.999 the first rectified steps are off by 0.6 %;
# with 0.9999 rectification begins at step 2 instead of 6, and step 6 is 1.6 times too long; with
# 0.99999 it begins at step 1, and step 6 is 14 times too long. Adam with the same b2 is right to 1e-3.
# Whom it hurts: who uses RAdam because of its careful first steps with a long second moment; who compares two programs
# that compute b2^t differently (other compilers, other devices, a fused optimiser) and finds different runs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 optax==0.2.8
cat > "$folder/probe.py" <<'PYTHON'
import jax
import jax.numpy as jnp
import optax


def steps(optimiser, b2, dtype, number=12):
    """The first steps for a gradient that is always one."""
    with jax.enable_x64(dtype == "float64"):
        transform = optimiser(b2=b2)
        state = transform.init(jnp.zeros((), dtype))
        update = jax.jit(transform.update)
        found = []
        for _ in range(number):
            step, state = update(jnp.ones((), dtype), state)
            found.append(float(step))
        return found


def first_rectified(found):
    return next(number for number, step in enumerate(found, 1) if abs(step - 1) > 1e-3)


seen = {}
for b2 in (0.99, 0.999, 0.9999, 0.99999):
    single, double = (steps(optax.scale_by_radam, b2, dtype) for dtype in ("float32", "float64"))
    adam = [steps(optax.scale_by_adam, b2, dtype) for dtype in ("float32", "float64")]
    seen[b2] = first_rectified(single), first_rectified(double), single[5] / double[5], single[7] / double[7]
    worst = max(abs(a - b) / abs(b) for a, b in zip(*adam, strict=True))
    print(
        f"b2 {b2}: rectified from step {seen[b2][0]} in float32, {seen[b2][1]} in float64; step 6 is {seen[b2][2]:.3f} "
        f"times, step 8 {seen[b2][3]:.3f} times that of float64; Adam is off by {worst:.0e} at most"
    )
same = all(abs(ratio - 1) < 1e-3 for ratio in seen[0.99][2:]) and seen[0.999][0] == seen[0.999][1] == 6
early = seen[0.9999][0] < 6 and seen[0.99999][0] < 6 and seen[0.9999][1] == seen[0.99999][1] == 6
raise SystemExit(0 if same and abs(seen[0.999][2] - 1) > 1e-3 and early and seen[0.99999][2] > 5 else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
