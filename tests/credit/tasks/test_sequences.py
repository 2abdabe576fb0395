"""Tasks of sequences: what is shown and what is to be said, counted by hand."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.fitted import FittedNetwork
from accumbens.credit.registry import make_rule
from accumbens.credit.tasks.description import describe, from_table, to_table
from accumbens.credit.tasks.read_sequences import make_sequential_mnist, make_text
from accumbens.credit.tasks.sequences import make_adding, make_copying
from accumbens.credit.tasks.settings import AddingSettings, CopyingSettings, PixelSettings, TextSettings
from accumbens.errors import AccumbensError


def drawn(task):
    return map(np.asarray, task.train.batch((), jnp.int32(0), jax.random.key(1)))


def test_copying_is_symbols_blanks_a_marker_and_blanks():
    settings = CopyingSettings(delay=5, recalled=3, alphabet=4, held_out=6, longer=(9,))
    x, y = drawn(make_copying(settings, 50))
    assert x.shape == (50, 5 + 2 * 3, 6)
    assert (x.sum(axis=-1) == 1).all()
    shown = x.argmax(axis=-1)
    symbols = shown[:, :3]
    assert set(np.unique(symbols)) == {1, 2, 3, 4}
    assert not shown[:, 3:7].any()
    assert (shown[:, 7] == 5).all()
    assert not shown[:, 8:].any()
    assert not y[:, :8].any()
    np.testing.assert_array_equal(y[:, 8:], symbols)
    task = make_copying(settings, 50)
    assert (task.test.y[:, :8] == -1).all()
    np.testing.assert_array_equal(task.test.y[:, 8:], task.test.x.argmax(axis=-1)[:, :3])
    assert task.more["9"].x.shape == (6, 9 + 6, 6)
    assert not np.array_equal(task.test.x, task.valid.x)
    numbers, _ = drawn(make_copying(dataclasses.replace(settings, encoding="integer"), 50))
    np.testing.assert_array_equal(numbers[..., 0], shown)


def test_adding_marks_one_number_in_each_half():
    x, y = drawn(make_adding(AddingSettings(length=11), 4000))
    numbers, marks = x[..., 0], x[..., 1]
    assert (marks[:, :5].sum(axis=1) == 1).all()
    assert (marks[:, 5:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(marks[:, :5].mean(axis=0), 0.2, atol=0.03)
    np.testing.assert_allclose(marks[:, 5:].mean(axis=0), 1 / 6, atol=0.03)
    assert np.isnan(y[:, :-1]).all()
    np.testing.assert_allclose(y[:, -1, 0], (numbers * marks).sum(axis=1), rtol=1e-6)
    # To say 1 always is off by the variance of a sum of two, 1/6.
    np.testing.assert_allclose(np.square(y[:, -1] - 1).mean(), 1 / 6, rtol=0.06)
    np.testing.assert_allclose([numbers.mean(), numbers.var()], [1 / 2, 1 / 12], rtol=0.03)


def test_pixels_come_in_one_order_for_all(data):
    plain = make_sequential_mnist(PixelSettings(permuted=False), 1, data)
    task = make_sequential_mnist(PixelSettings(), 1, data)
    order = np.random.default_rng(0).permutation(784)
    assert task.facts.steps == 784
    np.testing.assert_array_equal(task.test.x, plain.test.x[:, order])
    assert (task.test.y[:, :-1] == -1).all()
    np.testing.assert_array_equal(task.test.y[:, -1], plain.test.y[:, -1])


def test_pixels_as_they_were_published_are_put_into_the_order(data):
    task = make_sequential_mnist(PixelSettings(permutation_seed=3), 1, data)
    plain = make_sequential_mnist(PixelSettings(permuted=False), 1, data)
    scale = plain.input_scale
    published = plain.test.x * scale.deviation + scale.shift
    config = resolve_fit("sequential-mnist", "rtrl", layers=[4], changes={"permutation_seed": "3"})
    cells = make_rule("rtrl", config.rule_settings, task.facts).init(jax.random.key(0))[0]
    for about in (describe(task), from_table(json.loads(json.dumps(to_table(describe(task)))))):
        network = FittedNetwork(config, about, cells, 0, 0)
        np.testing.assert_allclose(network.prepare(published), task.test.x, atol=1e-6)
        np.testing.assert_allclose(network.prepare(published[0]), task.test.x[0], atol=1e-6)
        with pytest.raises(AccumbensError, match=r"inputs of 783 steps cannot be used: sequential-mnist is of 784"):
            network.prepare(published[:, 1:])
    earlier = FittedNetwork(config, describe(task)._replace(order=()), cells, 0, 0)
    with pytest.raises(AccumbensError, match=r"prepare cannot be used: the steps of sequential-mnist are in an order"):
        earlier.prepare(published)
    config = resolve_fit("sequential-mnist", "rtrl", layers=[4], changes={"permuted": "false"})
    np.testing.assert_allclose(
        FittedNetwork(config, describe(plain), cells, 0, 0).prepare(published), plain.test.x, atol=1e-6
    )
    damaged = to_table(describe(task)) | {"order": [0, *range(783)]}
    with pytest.raises(AccumbensError, match=r"the description of the task is damaged"):
        from_table(damaged)


def test_a_text_is_predicted_one_character_on(tmp_path):
    text = "the quick brown fox jumps over the lazy dog; " * 40
    (tmp_path / "fox.txt").write_text(text, encoding="utf-8")
    task = make_text(TextSettings(length=7), 1, tmp_path)
    characters = "".join(task.labels)
    assert characters == "".join(sorted(set(text)))
    seen = "".join(characters[i] for i in task.train.x.argmax(axis=-1).ravel())
    following = "".join(characters[i] for i in task.train.y.ravel())
    whole = len(text) * 90 // 100
    count = (whole - 1) // 7 * 7
    assert (seen, following) == (text[:count], text[1 : count + 1])
    tested = "".join(characters[i] for i in task.test.x[0].argmax(axis=-1))
    assert tested == text[len(text) * 95 // 100 :][:7]
    (tmp_path / "other.txt").write_text(text, encoding="utf-8")
    with pytest.raises(AccumbensError, match=r"fox\.txt, other\.txt"):
        make_text(TextSettings(), 1, tmp_path)
    assert make_text(TextSettings(file="fox.txt", length=7), 1, tmp_path).digest == task.digest
    with pytest.raises(AccumbensError, match="too short"):
        make_text(TextSettings(file="fox.txt", length=1000), 1, tmp_path)
    (tmp_path / "latin.txt").write_bytes("Köln".encode("latin-1"))
    with pytest.raises(AccumbensError, match=r"latin\.txt is no UTF-8 text \(byte 1\): save it as UTF-8"):
        make_text(TextSettings(file="latin.txt"), 1, tmp_path)


@pytest.mark.parametrize(
    ("make", "settings", "named"),
    [
        (make_copying, CopyingSettings(delay=0), "delay=0"),
        (make_copying, CopyingSettings(recalled=0), "recalled=0"),
        (make_copying, CopyingSettings(alphabet=1), "alphabet=1"),
        (make_copying, CopyingSettings(longer=(0,)), "longer=0"),
        (make_copying, CopyingSettings(longer=(30, 30)), "longer=30,30"),
        (make_copying, CopyingSettings(delay=10**9), "delay=1000000000"),
        (make_copying, CopyingSettings(longer=(40, 20)), "differ from one another and from delay=20"),
        (make_copying, CopyingSettings(longer=(10**7,)), "longer=10000000"),
        (make_adding, AddingSettings(longer=(50,)), "longer=50"),
        (make_adding, AddingSettings(length=1), "length=1"),
        (make_adding, AddingSettings(updates=0), "updates=0"),
        (make_adding, AddingSettings(held_out=0), "held_out=0"),
    ],
)
def test_what_cannot_be_is_refused(make, settings, named):
    with pytest.raises(AccumbensError, match=named):
        make(settings, 4)
