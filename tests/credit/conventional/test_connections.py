"""Maps against sums written out, and against what `jax.linear_transpose` and differentiation make of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.networks.connections import Convolutional, Dense, LocallyConnected, arranged, arriving

HEIGHT, WIDTH, INPUTS, OUTPUTS, BATCH = 4, 5, 2, 3, 6
SIZES = {
    Dense: ((OUTPUTS, INPUTS), (INPUTS,)),
    Convolutional: ((3, 3, OUTPUTS, INPUTS), (HEIGHT, WIDTH, INPUTS)),
    LocallyConnected: ((3, 3, HEIGHT, WIDTH, OUTPUTS, INPUTS), (HEIGHT, WIDTH, INPUTS)),
}


def some(connection, seed=0):
    rng = np.random.default_rng(seed)
    weight, h = SIZES[connection]
    signal = (*h[:-1], OUTPUTS)
    return connection(jnp.asarray(rng.normal(size=weight))), *(
        jnp.asarray(rng.normal(size=(BATCH, *size))) for size in (h, signal)
    )


def written_out(connection, h):
    """W h, one product at a time."""
    weight, h = np.asarray(connection.weight), np.asarray(h)
    z = np.zeros((HEIGHT, WIDTH, OUTPUTS))
    for o, y, x, i, dy, dx in np.ndindex(OUTPUTS, HEIGHT, WIDTH, INPUTS, 3, 3):
        row, column = y + dy - 1, x + dx - 1
        if 0 <= row < HEIGHT and 0 <= column < WIDTH:
            here = weight[:, :, y, x] if isinstance(connection, LocallyConnected) else weight
            z[y, x, o] += here[dy, dx, o, i] * h[row, column, i]
    return z


@pytest.mark.parametrize("kind", [Convolutional, LocallyConnected])
def test_map_is_the_sum_over_neighbours(kind):
    with jax.enable_x64(True):
        connection, h, _ = some(kind)
        np.testing.assert_allclose(jax.vmap(connection)(h)[0], written_out(connection, h[0]), rtol=1e-12)


def test_locally_connected_with_equal_weights_everywhere_is_convolutional():
    with jax.enable_x64(True):
        shared, h, _ = some(Convolutional)
        local = LocallyConnected(jnp.broadcast_to(shared.weight[:, :, None, None], SIZES[LocallyConnected][0]))
        np.testing.assert_allclose(jax.vmap(local)(h), jax.vmap(shared)(h), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", list(SIZES))
def test_transpose_and_weight_gradient(kind):
    with jax.enable_x64(True):
        connection, h, signal = some(kind)
        back = jax.vmap(lambda s: jax.linear_transpose(connection, h[0])(s)[0])(signal)
        np.testing.assert_allclose(connection.transpose(h, signal), back, rtol=1e-12, atol=1e-12)
        # <s, W h> = <Wᵀ s, h> = <dW, W>: both are linear.
        product = np.vdot(signal, jax.vmap(connection)(h))
        np.testing.assert_allclose(np.vdot(back, h), product, rtol=1e-10)
        gradient = np.asarray(connection.weight_gradient(h, signal))
        np.testing.assert_allclose(np.vdot(gradient, connection.weight), product, rtol=1e-10)
        for place in [0, gradient.size // 2, gradient.size - 1]:
            index = np.unravel_index(place, gradient.shape)
            moved = kind(connection.weight.at[index].add(1.0))
            change = np.vdot(signal, jax.vmap(moved)(h)) - product
            np.testing.assert_allclose(gradient[index], change, rtol=1e-9, atol=1e-11)


def test_maps_arrive_averaged_and_pairs_stay_pairs():
    connection, h, _ = some(Convolutional)
    seen = arriving(h, connection)
    assert seen.shape == (BATCH, 2, 2, INPUTS)
    np.testing.assert_allclose(seen[0, 1, 0, 1], h[0, 2:4, 0:2, 1].mean(), rtol=1e-6)
    dense = Dense(jnp.zeros((1, INPUTS * 4)))
    row = arriving(h, dense)
    np.testing.assert_array_equal(row.reshape(seen.shape), seen)
    np.testing.assert_array_equal(arriving(row, dense), row)


def test_images_come_with_their_channels_first():
    connection, _, _ = some(Convolutional)
    x = jnp.arange(24.0).reshape(1, 24)
    image = arranged(x, connection, (2, 3, 4))
    assert image.shape == (1, 3, 4, 2)
    assert image[0, 1, 2, 1] == x[0, 12 + 4 + 2]
    np.testing.assert_array_equal(arranged(x, Dense(jnp.zeros((1, 24))), (2, 3, 4)), x)
