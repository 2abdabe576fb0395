"""One environment's copies in one compiled call, and in Gymnasium's `SyncVectorEnv`."""

import numpy as np
from gymnasium.vector import SyncVectorEnv

from accumbens.envs.to_gymnasium import to_gymnasium


def side_by_side(env, num_envs, mode, **changes):
    """Make `(ours, theirs)`."""
    singles = SyncVectorEnv([lambda: to_gymnasium(env, **changes)] * num_envs, autoreset_mode=mode)
    return to_gymnasium(env, num_envs, mode, **changes), singles


def assert_same(ours, theirs):
    """What reset or step returned is the same, dtypes and infos too, but for float32 rounding in observations."""
    *arrays, infos = ours
    *expected, expected_infos = theirs
    for one, other in zip(arrays, expected, strict=True):
        _assert_same_array(one, other)
    _assert_same_infos(infos, expected_infos)


def _assert_same_infos(infos, expected):
    assert infos.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            _assert_same_infos(infos[key], value)
        elif value.dtype == object:
            for one, other in zip(infos[key], value, strict=True):
                assert (one is None) == (other is None)
                if other is not None:
                    _assert_same_array(one, other)
        else:
            _assert_same_array(infos[key], value)


def _assert_same_array(one, other):
    assert (type(one), one.shape, one.dtype) == (type(other), other.shape, other.dtype)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
