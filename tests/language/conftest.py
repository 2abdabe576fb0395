import equinox as eqx
import jax
import pytest

from accumbens.language import TransformerSettings, make_transformer


def sharpened(model):
    """A model whose weights are large enough for its logits to differ much, and whose norms have gains."""
    leaves, treedef = jax.tree.flatten(model)
    keys = jax.random.split(jax.random.key(7), len(leaves))
    changed = [
        leaf * 10 if leaf.ndim == 2 else leaf + 0.3 * jax.random.normal(key, leaf.shape)
        for leaf, key in zip(leaves, keys, strict=True)
    ]
    return jax.tree.unflatten(treedef, changed)


SMALL = TransformerSettings(
    vocabulary=23, width=24, layers=2, heads=6, key_value_heads=2, head_size=4, inner=40, context=64, rope_base=100.0
)


@pytest.fixture(scope="package")
def small():
    return sharpened(make_transformer(SMALL, key=jax.random.key(0)))


@pytest.fixture(scope="package")
def logits_of():
    return eqx.filter_jit(lambda model, tokens: model.logits(model(tokens).hidden))
