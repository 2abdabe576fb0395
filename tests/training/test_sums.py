"""Running sums of rewards against float64, however long the episode and however the program is compiled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from accumbens.training.sums import empty_sum


def test_long_returns_as_real_runs_compile_them():
    """None of XLA's optimisations takes the compensation for nothing."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_"))}
    script = Path(__file__).with_name("long_returns.py")
    done = subprocess.run([sys.executable, script], env=plain, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, exact = json.loads(done.stdout)
    # The plain sum of a million times 0.1 is 100 958.
    np.testing.assert_allclose(ours, exact, rtol=2e-7)


def test_terms_larger_and_smaller_than_the_sum(quick_jit):
    terms = np.array([1.0, 2.0**25, 1.0, 1.0, 1.0, -(2.0**25), 0.25], np.float32)
    end, totals = quick_jit(lambda: jax.lax.scan(lambda s, t: ((s := s.add(t[None])), s.total), empty_sum(1), terms))()
    exact = np.cumsum(terms.astype(np.float64))
    np.testing.assert_allclose(totals[:, 0], exact, rtol=2**-24)
    assert end.total == 4.25


def test_a_sum_begins_anew_where_asked():
    begun = empty_sum(2).add(jnp.full(2, 2.0**25)).add(jnp.ones(2))
    assert begun.lost.tolist() == [1, 1]
    again = begun.restart(jnp.array([True, False]))
    assert again.total.tolist() == [0, 2**25]
    assert again.lost.tolist() == [0, 1]
