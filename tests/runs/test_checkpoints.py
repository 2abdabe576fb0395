import os
import signal
import subprocess
import sys
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from accumbens.errors import AccumbensError
from accumbens.runs import checkpoints
from accumbens.runs.checkpoints import DamagedCheckpointError, restore, restore_latest, save


class State(NamedTuple):
    parameters: dict
    key: jax.Array
    counters: tuple
    rest: tuple


def example():
    return State(
        parameters={
            "weights": jnp.arange(12.0).reshape(3, 4),
            "special": jnp.array([0.0, -0.0, jnp.inf, jnp.nan, 1e-45], jnp.float32),
            "half": jnp.arange(5, dtype=jnp.bfloat16) / 3,
        },
        key=jax.random.PRNGKey(7),
        counters=(jnp.int32(3), jnp.array([True, False, True]), jnp.zeros((0, 4)), jnp.arange(6, dtype=jnp.uint8)),
        rest=(np.arange(3.0), np.float64(0.1), 5, 0.1, True, None, jax.nn.relu, jax.random.split(jax.random.key(1), 3)),
    )


def bits(leaf):
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf).tobytes() if isinstance(leaf, jax.Array | np.ndarray | np.generic) else leaf


def assert_identical(tree, other):
    assert jax.tree.structure(tree) == jax.tree.structure(other)
    for leaf, other_leaf in zip(jax.tree.leaves(tree), jax.tree.leaves(other), strict=True):
        assert isinstance(other_leaf, jax.Array) if isinstance(leaf, jax.Array) else type(leaf) is type(other_leaf)
        assert getattr(leaf, "dtype", None) == getattr(other_leaf, "dtype", None)
        assert np.shape(leaf) == np.shape(other_leaf)
        assert bits(leaf) == bits(other_leaf)


def zeros_like(leaf):
    if isinstance(leaf, jax.Array):
        return jnp.zeros(leaf.shape, leaf.dtype)
    return np.zeros_like(leaf) if isinstance(leaf, np.ndarray) else leaf


def small(step):
    return {"step": jnp.int32(step), "filled": jnp.full(100, step, jnp.float32)}


def test_round_trip_is_bit_exact(tmp_path):
    tree = example()
    path = save(tmp_path, 123456, tree)
    assert path == tmp_path / "000000123456.ckpt"
    restored, step = restore(path, jax.tree.map(zeros_like, tree))
    assert step == 123456
    assert_identical(tree, restored)


def test_shapes_are_enough_to_restore(tmp_path):
    tree = {"array": jnp.arange(3), "key": jax.random.key(5), "other": jax.random.key(5, impl="rbg")}
    save(tmp_path, 1, tree)
    assert_identical(tree, restore_latest(tmp_path, jax.eval_shape(lambda: tree))[0])


def test_arrays_that_an_earlier_release_did_not_store_are_zeros(tmp_path):
    tree = {"sums": {"a": jnp.arange(3.0), "lost": jnp.ones(3)}, "z": jnp.arange(4)}
    earlier = {"sums": {"a": tree["sums"]["a"]}, "z": tree["z"]}
    save(tmp_path, 1, earlier)
    save(tmp_path, 2, tree)
    added = ("['lost']",)
    assert_identical(tree, restore_latest(tmp_path, jax.eval_shape(lambda: tree), added)[0])
    restored, _ = restore(tmp_path / "000000000001.ckpt", tree, added)
    assert_identical({"sums": tree["sums"] | {"lost": jnp.zeros(3)}, "z": tree["z"]}, restored)
    with pytest.raises(AccumbensError, match=r"it has no leaf \['sums'\]\['lost'\]"):
        restore(tmp_path / "000000000001.ckpt", tree)
    with pytest.raises(AccumbensError, match=r"it has no leaf \['new'\]"):
        restore(tmp_path / "000000000001.ckpt", tree | {"new": tree["z"]}, added)


def test_vectors_may_be_as_long_as_they_were(tmp_path):
    tree = {"places": np.arange(5, dtype=np.uint8), "z": jnp.arange(4)}
    save(tmp_path, 1, tree)
    like = tree | {"places": np.zeros(2, np.uint8)}
    restored, _, _ = restore_latest(tmp_path, like, (), ("['places']",))
    assert_identical(tree, restored)
    with pytest.raises(AccumbensError, match=r"\['places'\] is uint8\[5\] there and uint8\[2\] here"):
        restore_latest(tmp_path, like)
    with pytest.raises(AccumbensError, match=r"\['places'\] is uint8\[5\] there and int32\[5\] here"):
        restore_latest(tmp_path, tree | {"places": np.zeros(2, np.int32)}, (), ("['places']",))


def test_python_numbers_are_restored_not_assumed(tmp_path):
    save(tmp_path, 1, {"count": 5, "rate": 0.1, "flag": True})
    restored, _, _ = restore_latest(tmp_path, {"count": 0, "rate": 0.0, "flag": False})
    assert restored == {"count": 5, "rate": 0.1, "flag": True}
    assert type(restored["flag"]) is bool


DTYPES = [bool, np.uint8, np.int32, np.uint32, np.int64, np.float16, np.float32, np.float64, np.complex64]


@settings(max_examples=40, deadline=None)
@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    ),
    piece_bytes=st.integers(16, 200),
    transpose=st.booleans(),
)
def test_large_arrays_are_written_in_pieces(tmp_path_factory, array, piece_bytes, transpose):
    if transpose:  # not contiguous
        array = array.T
    folder = tmp_path_factory.mktemp("pieces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_PIECE_BYTES", piece_bytes)
        path = save(folder, 0, [array])
    assert_identical([array], restore(path, [np.zeros_like(array)])[0])


def test_pieces_of_a_jax_array_are_bounded():
    array = jnp.arange(2 * 3 * 1000, dtype=jnp.int32).reshape(2, 3, 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "_PIECE_BYTES", 1200)
        pieces = [bytes(piece) for piece in checkpoints._pieces(array)]
    assert max(map(len, pieces)) <= 1200
    assert b"".join(pieces) == np.asarray(array).tobytes()


def test_equal_trees_make_equal_files(tmp_path):
    first, second = save(tmp_path / "a", 5, example()), save(tmp_path / "b", 5, example())
    assert first.read_bytes() == second.read_bytes()


def test_half_precision_keeps_its_type(tmp_path):
    array = np.arange(4).astype(ml_dtypes.bfloat16)
    save(tmp_path, 0, [array])
    assert_identical([array], restore_latest(tmp_path, [array * 0])[0])


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(tmp_path, keep):
    for step in range(0, 50, 10):
        save(tmp_path, step, small(step), keep=keep)
    assert names(tmp_path) == [f"{step:012d}.ckpt" for step in range(50 - 10 * keep, 50, 10)]
    tree, step, warnings = restore_latest(tmp_path, small(0))
    assert (step, warnings) == (40, [])
    assert_identical(tree, small(40))


def test_a_damaged_file_does_not_count_as_kept(tmp_path):
    save(tmp_path, 10, small(10))
    damage = save(tmp_path, 20, small(20))
    damage.write_bytes(damage.read_bytes()[:-1])
    save(tmp_path, 30, small(30))
    assert names(tmp_path) == ["000000000010.ckpt", "000000000030.ckpt"]


def test_the_same_step_may_be_saved_twice(tmp_path):
    save(tmp_path, 10, small(1))
    save(tmp_path, 10, small(2))
    assert_identical(restore_latest(tmp_path, small(0))[0], small(2))


def test_a_good_later_checkpoint_is_not_overtaken(tmp_path):
    later = save(tmp_path, 20, small(20))
    with pytest.raises(AccumbensError, match="later step than 10"):
        save(tmp_path, 10, small(10))
    assert restore_latest(tmp_path, small(0))[1] == 20
    later.write_bytes(b"nothing of use")
    save(tmp_path, 10, small(10))
    assert names(tmp_path) == ["000000000010.ckpt"]


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.ckpt").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    save(tmp_path, 1, small(1), keep=1)
    save(tmp_path, 2, small(2), keep=1)
    assert names(tmp_path) == ["000000000002.ckpt", "notes.ckpt", "notes.txt"]
    assert restore_latest(tmp_path, small(0))[1] == 2


HEADER = 40 + 20


def truncate(content, size):
    return content[:size]


def flip(content, position):
    altered = bytearray(content)
    altered[position] ^= 1
    return bytes(altered)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: b"", "truncated: it ends within its header"),
        (lambda content: truncate(content, HEADER - 1), "truncated: it ends within its header"),
        (lambda content: truncate(content, HEADER + 10), f"truncated: {HEADER + 10} of"),
        (lambda content: truncate(content, len(content) - 1), "truncated"),
        (lambda content: content + b"x", "altered: its contents"),
        (lambda content: flip(content, 0), "altered: it does not begin"),
        (lambda content: flip(content, 20), "altered: its contents"),
        (lambda content: flip(content, 40), "altered: its contents"),  # the version
        (lambda content: flip(content, HEADER + 15), "altered: its contents"),
        (lambda content: flip(content, len(content) - 1), "altered: its contents"),
    ],
)
def test_damage_is_refused_and_the_previous_checkpoint_used(tmp_path, damage, reason):
    save(tmp_path, 10, small(10))
    newest = save(tmp_path, 20, small(20))
    newest.write_bytes(damage(newest.read_bytes()))
    with pytest.raises(DamagedCheckpointError, match=reason):
        restore(newest, small(0))
    tree, step, warnings = restore_latest(tmp_path, small(0))
    assert step == 10
    assert_identical(tree, small(10))
    (warning,) = warnings
    assert str(newest) in warning
    assert reason in warning
    assert "using 000000000010.ckpt instead" in warning


def test_every_flipped_bit_is_noticed(tmp_path):
    path = save(tmp_path, 1, small(1))
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(flip(content, position))
        with pytest.raises(DamagedCheckpointError):
            restore(path, small(0))


def test_no_good_checkpoint_is_an_error(tmp_path):
    with pytest.raises(AccumbensError, match="no good checkpoint"):
        restore_latest(tmp_path / "missing", small(0))
    path = save(tmp_path, 1, small(1))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(AccumbensError, match=r"no good checkpoint(.|\n)*000000000001\.ckpt is truncated"):
        restore_latest(tmp_path, small(0))
    with pytest.raises(AccumbensError, match="there is no checkpoint"):
        restore(tmp_path / "000000000002.ckpt", small(0))


def test_another_format_version_is_an_error_not_damage(tmp_path, monkeypatch):
    save(tmp_path, 1, small(1))
    monkeypatch.setattr(checkpoints, "FORMAT_VERSION", 2)
    save(tmp_path, 2, small(2))
    monkeypatch.undo()
    with pytest.raises(AccumbensError, match=r"000000000002\.ckpt has format version 2; this program reads version 1"):
        restore_latest(tmp_path, small(0))


@pytest.mark.parametrize(
    ("like", "message"),
    [
        (
            {"a": {"w": np.zeros((2, 3), np.float32)}},
            r"leaf \['a'\]\['w'\] is float32\[2, 2\] there and float32\[2, 3\]",
        ),
        ({"a": {"w": np.zeros((2, 2), np.int32)}}, r"leaf \['a'\]\['w'\] is float32\[2, 2\] there and int32\[2, 2\]"),
        ({"a": {"v": np.zeros((2, 2), np.float32)}}, r"it has no leaf \['a'\]\['v'\] \(and 1 more\)"),
        ({"a": {}}, r"this run has no leaf \['a'\]\['w'\]"),
    ],
)
def test_a_tree_that_does_not_fit_is_named(tmp_path, like, message):
    for step in (1, 2):
        save(tmp_path, step, {"a": {"w": np.zeros((2, 2), np.float32)}})
    # It is no damage: an older checkpoint would not fit either.
    with pytest.raises(AccumbensError, match=message) as raised:
        restore_latest(tmp_path, like)
    assert not isinstance(raised.value, DamagedCheckpointError)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_save_leaves_the_previous_checkpoint_alone(tmp_path, monkeypatch, failing):
    save(tmp_path, 1, small(1))

    def fail(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="no space left"):
        save(tmp_path, 2, small(2))
    monkeypatch.undo()
    assert names(tmp_path) == ["000000000001.ckpt"]
    assert_identical(restore_latest(tmp_path, small(0))[0], small(1))


def test_what_a_killed_save_left_is_ignored_and_cleaned_up(tmp_path):
    save(tmp_path, 1, small(1))
    (tmp_path / "000000000002.ckpt.tmp").write_bytes(b"half of a checkpoint")
    assert restore_latest(tmp_path, small(0))[1:] == (1, [])
    save(tmp_path, 3, small(3))
    assert names(tmp_path) == ["000000000001.ckpt", "000000000003.ckpt"]


SAVE_FOREVER = """
import itertools, os, pathlib, sys
import numpy as np
from accumbens.runs.checkpoints import save

folder = pathlib.Path(sys.argv[1])
for line in sys.stdin:
    pid = os.fork()  # saves the slow imports
    if pid == 0:
        for step in itertools.count(int(line)):
            save(folder, step, {"first": np.full(300_000, step), "last": np.full(300_000, step)})
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("ended", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs fork and SIGKILL")
def test_a_process_killed_while_saving_leaves_a_consistent_checkpoint(tmp_path):
    like = {"first": np.zeros(300_000, int), "last": np.zeros(300_000, int)}
    generator = np.random.default_rng()
    first = 0
    with subprocess.Popen(
        [sys.executable, "-c", SAVE_FOREVER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(15):
            print(first, file=parent.stdin, flush=True)
            pid = int(parent.stdout.readline())
            while not (tmp_path / f"{first:012d}.ckpt").exists():
                assert parent.poll() is None
                time.sleep(0.001)
            time.sleep(generator.uniform(0, 0.1))
            os.kill(pid, signal.SIGKILL)
            assert parent.stdout.readline() == "ended\n"

            tree, step, warnings = restore_latest(tmp_path, like)
            assert warnings == []
            assert step >= first
            assert np.all(tree["first"] == step)
            assert np.all(tree["last"] == step)
            first = step + 1
