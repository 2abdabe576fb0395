"""What every task must be; a new task is tested by being registered."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.credit.tasks.protocol import Examples, Stream
from accumbens.credit.tasks.registry import TASKS, make_task
from accumbens.errors import AccumbensError

BATCH = 8


def made(name, data, settings=None):
    """The task, from a folder if it reads one."""
    entry = TASKS[name]
    return make_task(name, settings or entry.settings, BATCH, data if entry.reads_folder else None)


@pytest.mark.parametrize("name", TASKS)
def test_a_folder_that_would_not_be_read_is_refused(name, data, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    reason = "no .* in " if TASKS[name].reads_folder else f"data=.*empty cannot be used: .* left out with {name}"
    with pytest.raises(AccumbensError, match=reason):
        make_task(name, TASKS[name].settings, BATCH, empty)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_what_its_facts_say(name, data):
    task = made(name, data)
    facts = task.facts

    def check(x, y, steps):
        rows = (len(x), *steps)
        assert (x.shape, x.dtype) == ((*rows, facts.inputs), np.float32)
        assert np.isfinite(x).all()
        if facts.kind == "classification":
            assert (y.shape, y.dtype) == (rows, np.int32)
            assert y.max() < facts.outputs
            counts = y >= 0
            assert (y[~counts] == -1).all()
        else:
            assert (y.shape, y.dtype) == ((*rows, facts.outputs), np.float32)
            counts = np.isfinite(y).all(axis=-1)
            assert np.isnan(y[~counts]).all()
        # Of a sequence, some steps may not count; without any there is nothing to learn.
        assert counts.reshape(len(x), -1).any(axis=1).all()
        assert steps or counts.all()

    steps = () if facts.steps is None else (facts.steps,)
    for examples in task.more.values():
        check(examples.x, examples.y, examples.x.shape[1:-1])
    held_out = (task.valid, task.test)
    for examples in held_out if isinstance(task.train, Stream) else (task.train, *held_out):
        assert isinstance(examples, Examples)
        assert len(examples.x)
        check(examples.x, examples.y, steps)
    if isinstance(task.train, Stream):
        state = task.train.init(jax.random.key(0))
        x, y = task.train.batch(state, jnp.int32(task.train.updates - 1), jax.random.key(1))
        assert len(x) == BATCH
        check(np.asarray(x), np.asarray(y), steps)
    for scale, columns in ((task.input_scale, facts.inputs), (task.target_scale, facts.outputs)):
        if scale is not None:
            assert np.broadcast_shapes(scale.shift.shape, scale.deviation.shape, (columns,)) == (columns,)
            assert (scale.deviation > 0).all()
    if facts.image_shape is not None:
        assert np.prod(facts.image_shape) == facts.inputs


@pytest.mark.parametrize("name", TASKS)
def test_the_digest_tells_the_data(name, data):
    settings = TASKS[name].settings
    digest = made(name, data).digest
    assert len(digest) == 64
    assert made(name, data).digest == digest
    # A text is cut where it is cut.
    change = {"length": settings.length + 1} if name == "text" else {"split_seed": settings.split_seed + 1}
    assert made(name, data, dataclasses.replace(settings, **change)).digest != digest


@pytest.mark.parametrize("name", TASKS)
def test_a_stream_is_passed_through_once(name, data):
    entry = TASKS[name]
    streams = isinstance(entry.make(entry.settings, BATCH, data).train, Stream)
    assert entry.epochs == 1 or not streams
    assert entry.summary
    assert entry.summary.startswith("sequences: ") == (made(name, data).facts.steps is not None)
