"""Beginning from a network that does not fit: what makes it another is named as a setting."""

import re

import jax
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.errors import AccumbensError
from accumbens.runs.origin import checked_origin, parse_origin
from accumbens.runs.snapshots import save_snapshot

RUN = {"learning_rate": "0.25", "updates": "7"}
"""Settings that differ and change no shape."""


def make_run(out, *names, **numbers):
    """A run that has a snapshot of its first networks."""
    config = resolve_fit(*names, **numbers)
    run, job = FITS.create(config, out, "run"), FITS.make_job(config)
    save_snapshot(run, 0, job.networks(jax.jit(job.init)()))
    return run.path


UNLIKE = {
    "layers": (
        ("reach", "backprop-through-time", {"layers": (3,)}),
        ("reach-rotated", "rflo", {"layers": (4,), "changes": RUN}),
        "layers=3 there, 4 here",
    ),
    "units": (
        ("copying", "backprop-through-time", {"layers": (3,), "changes": {"units": "gru"}}),
        ("copying", "truncated-backprop-through-time", {"layers": (3,), "changes": RUN}),
        "units=gru there, lstm here",
    ),
    "several": (
        ("copying", "snap-1", {"layers": (3,), "changes": {"units": "gru", "alphabet": "5", "recalled": "3"}}),
        ("copying", "snap-1", {"layers": (4,)}),
        "alphabet=5 there, 8 here; layers=3 there, 4 here; units=gru there, lstm here",
    ),
    "task": (
        ("reach", "backprop-through-time", {"layers": (3,)}),
        ("copying", "backprop-through-time", {"layers": (3,), "changes": RUN}),
        "task=reach there, copying here",
    ),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_what_makes_another_run_s_network_unlike_is_named(case, tmp_path):
    (*there, numbers), (*here, changes), said = UNLIKE[case]
    path = make_run(tmp_path, *there, **numbers)
    job = FITS.make_job(resolve_fit(*here, **changes))
    with pytest.raises(AccumbensError, match=re.escape(f"{path} has a network of another shape: {said}") + "$"):
        checked_origin(FITS, parse_origin(str(path)), job)


def test_one_that_fits_is_begun_from(tmp_path):
    path = make_run(tmp_path, "reach", "backprop-through-time", layers=(3,))
    job = FITS.make_job(resolve_fit("reach-rotated", "rflo", layers=(3,), changes=RUN))
    assert checked_origin(FITS, parse_origin(str(path)), job).step == 0
