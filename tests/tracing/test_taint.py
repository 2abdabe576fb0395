"""Masks against brute force: a mask may have too much, never too little; for plain data movement it is exact."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.ad_checkpoint import checkpoint_name

from accumbens.tracing.taint import Walk

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
INDEX = np.array([[2, 0], [1, 1], [3, 2]])


def masks(function, x=X, mark=lambda name, mask: mask):
    """The mask of the one result, with one label for every element of x: [*shape, x.size]."""
    walk = Walk([str(index) for index in range(x.size)], mark)
    labels = np.eye(x.size, dtype=bool).reshape(*x.shape, x.size)
    (mask,) = walk.run(jax.make_jaxpr(function)(x), [labels])
    return mask


def brute_force(function, x=X):
    """Which elements of the result change when one element of x does, whichever way and however far."""
    function = jax.jit(function)
    before, changed = np.asarray(function(x)), []
    for index in range(x.size):
        differs = np.zeros(before.shape, bool)
        for step in (-50.0, -0.7, 0.3, 50.0):
            other = x.copy()
            other.reshape(-1)[index] += step
            differs |= np.asarray(function(other)) != before
        changed.append(differs)
    return np.stack(changed, axis=-1)


def scanned(length):
    def function(x):
        def turn(carry, row):
            return jnp.flip(carry) + row, carry[:2] - row[:2]

        carry, rows = jax.lax.scan(turn, jnp.zeros(4), jnp.tile(x, (length, 1))[:length], reverse=True)
        return jnp.concatenate([carry, rows.reshape(-1)])

    return function


def looped(x):
    return jax.lax.while_loop(lambda c: c[0] < 4, lambda c: (c[0] + 1, jnp.roll(c[1], 1, axis=1)), (0, x))[1]


def branched(x):
    return jax.lax.cond(x[0, 0] > 0, lambda x: x[1], lambda x: x[2], x)


@jax.custom_jvp
def custom(x):
    return x[0] * 2


custom.defjvp(lambda x, t: (custom(*x), t[0][0] * 2))

EXACT = {
    "elementwise": lambda x: jnp.tanh(x) * 3 + x,
    "sum": lambda x: x.sum(axis=0),
    "argmax": lambda x: jnp.argmax(x, axis=1),
    "cumulative": lambda x: jnp.cumsum(x, axis=0)[-1],
    "reshape": lambda x: x.reshape(2, 6).T,
    "concatenate": lambda x: jnp.concatenate([x[1:], jnp.zeros((1, 4)), x[:1, ::-1]]),
    "stack": lambda x: jnp.stack([x[0], x[2]], axis=1),
    "unstack": lambda x: jnp.stack(list(jnp.unstack(x, axis=1))[::2]),
    "split": lambda x: jnp.split(x, [1, 3], axis=1)[1],
    "tile": lambda x: jnp.tile(x[:2, :2], (2, 1)),
    "strided": lambda x: x[::2, 1::2],
    "pad": lambda x: jax.lax.pad(x, x[0, 0], ((1, -1, 0), (-1, 2, 1))),
    "broadcast": lambda x: jnp.broadcast_to(x[:, None, :1], (3, 2, 5)),
    "sort": lambda x: jnp.sort(x, axis=1),
    "matrix product": lambda x: x @ jnp.ones((4, 2)),
    "batched product": lambda x: jnp.einsum("bi,bj->bij", x[:, :2], x[:, 2:]),
    "batched sum": lambda x: jnp.einsum("ib,ib->b", x, x),
    "custom derivative": custom,
    "remat": jax.checkpoint(lambda x: jnp.sin(x[1])),
    "short scan": scanned(3),
    "vmap": jax.vmap(lambda row: row[1] * row[2]),
    "derivative": jax.grad(lambda x: (x[0] ** 3).sum() + (x[1] * x[2]).sum()),
}
COARSER = {
    "select": lambda x: jnp.where(x[0] > 0, x[1], x[2]),
    "take": lambda x: jnp.take(x, jnp.array([0, 2]), axis=0).sum(axis=0) * 0 + x[0],
    "set": lambda x: jax.lax.dynamic_update_slice(x * 0 + 1, x[:, :1], (0, jnp.argmax(x[0] * 0))),
    "branch": branched,
    "take along": lambda x: jnp.take_along_axis(x, INDEX, axis=1),
    "take along, batched index": lambda x: jnp.take_along_axis(x, jnp.argmax(x, axis=1)[:, None], axis=1),
    "derivative of take along": jax.grad(lambda x: (jnp.take_along_axis(x, INDEX, axis=1) ** 2).sum()),
    "gather rows": lambda x: x[jnp.argsort(x[:, 0])],
    "scatter": lambda x: jnp.zeros((4, 4)).at[jnp.array([1, 3, 1])].add(x),
    "dynamic slice": lambda x: jax.lax.dynamic_slice_in_dim(x, jnp.argmax(x[:, 0]), 1, axis=0),
    "loop": looped,
    "long scan": scanned(20),
    "convolution": lambda x: jnp.convolve(x[0], x[1]),
    "linear solve": lambda x: jnp.linalg.solve(x[:, :3] + 5 * jnp.eye(3), x[:, 3]),
    "sorted pairs": lambda x: jax.lax.sort((x[0], x[1]))[1],
}


@pytest.mark.parametrize("name", EXACT)
def test_masks_are_what_brute_force_finds(name):
    found, true = masks(EXACT[name]), brute_force(EXACT[name])
    assert true.any()
    np.testing.assert_array_equal(found, true)


@pytest.mark.parametrize("name", COARSER)
def test_masks_never_have_too_little(name):
    found, true = masks(COARSER[name]), brute_force(COARSER[name])
    assert true.any()
    assert not (true & ~found).any()


@pytest.mark.parametrize("name", ["take along", "take along, batched index", "derivative of take along"])
def test_rows_of_a_batch_stay_apart(name):
    """An index into a batch must not mix its rows: actions are chosen like this, cell by cell."""
    found = masks(COARSER[name])
    assert found.reshape(*found.shape[:-1], *X.shape).any(axis=(1, -1)).tolist() == np.eye(3, dtype=bool).tolist()


def test_a_path_that_no_number_takes_is_still_a_path():
    def function(x):
        return jnp.where(jnp.linalg.norm(x[0]) > 1e9, 0.0, x[1])

    assert not brute_force(function)[:, :4].any()
    assert masks(function)[:, :4].all()


def test_what_the_program_does_not_read_reaches_nothing():
    found = masks(lambda x: jax.lax.stop_gradient(x[0]))
    assert found[:, :4].any(axis=0).all()
    assert not found[:, 4:].any()
    assert not masks(lambda x: jnp.ones(3) + jax.random.normal(jax.random.key(0), (3,))).any()
    assert not masks(jax.grad(lambda x: jax.lax.stop_gradient(x).sum())).any()


def test_marks_see_labels_and_can_replace_them():
    met = {}

    def mark(name, mask):
        met[name] = mask.any(axis=tuple(range(mask.ndim - 1)))
        return np.zeros_like(mask)

    found = masks(lambda x: checkpoint_name(x[0], "inside") + x[1], mark=mark)
    np.testing.assert_array_equal(np.flatnonzero(met["inside"]), range(4))
    np.testing.assert_array_equal(np.flatnonzero(found.any(axis=0)), range(4, 8))
