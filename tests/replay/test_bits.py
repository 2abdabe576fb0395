import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accumbens.replay.bits import pack, packed_size, unpack

SHAPES = [(1,), (8,), (9,), (3, 5), (10, 10, 4), ()]
LEADING = [(), (3,), (2, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leading", LEADING)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_unpack_is_the_inverse_of_pack(shape, leading, data):
    observations = data.draw(hnp.arrays(bool, leading + shape))
    packed = pack(jnp.asarray(observations), shape)
    assert packed.dtype == jnp.uint8
    assert packed.shape == (*leading, packed_size(shape))
    unpacked = unpack(packed, shape)
    assert unpacked.dtype == bool
    np.testing.assert_array_equal(unpacked, observations)


def test_eight_booleans_make_one_byte():
    assert [packed_size(shape) for shape in SHAPES] == [1, 1, 2, 2, 50, 1]


def test_the_last_byte_is_filled_with_zero_bits():
    np.testing.assert_array_equal(pack(jnp.ones((2, 9), bool), (9,)), [[255, 128], [255, 128]])
