"""Checkpoints: one pytree, one file, written atomically and verified before it is believed.

A single file of raw arrays is bit-exact, can be verified as a whole, appears by one rename or not at all, and needs no
dependency; a checkpoint library that writes a folder per checkpoint gives none of these for free.

The format (integers little-endian, arrays in the machine's own byte order):

    8 bytes    magic, `accumbck`
    32 bytes   SHA-256 of everything that follows
    uint32     format version
    uint64     size of the description in bytes
    uint64     size of the body in bytes
    ...        description, JSON: the step, and the path, dtype and shape of every leaf
    ...        body: the leaves' elements in the description's order, row-major, without gaps

Later versions keep the first two fields, so that any program can tell a damaged file from a newer one.
"""

import hashlib
import json
import math
import os
import struct
from collections.abc import Iterator
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from accumbens.errors import AccumbensError

FORMAT_VERSION = 1
_MAGIC = b"accumbck"
_SEAL = struct.Struct("<8s32s")  # magic, digest
_SIZES = struct.Struct("<IQQ")  # version, bytes of the description, bytes of the body
_PIECE_BYTES = 1 << 26  # most that is copied from the device at once
_NUMBERS = (bool, int, float, complex)


class DamagedCheckpointError(AccumbensError):
    """A file that is not what `save` once wrote: cut short or altered."""


class UnlikeCheckpointError(AccumbensError):
    """A good file, of leaves that are not those asked for."""


def file_name(step: int) -> str:
    """Return the name of the checkpoint of a step; names sort as steps do."""
    return f"{step:012d}.ckpt"


def save(folder: Path, step: int, tree: PyTree, keep: int | None = 2) -> Path:
    """Write `tree` to `folder/<step>.ckpt`, then delete all but the newest `keep` good checkpoints.

    A process killed at any moment leaves the folder with the earlier checkpoints or with the new one, never with half
    of it. Arrays are copied from the device piece by piece.

    Args:
        folder: of one run; made if it is missing.
        step: environment steps so far.
        tree: its arrays, random keys and numbers are stored; other leaves, such as functions, are not.
        keep: how many checkpoints stay, the new one included; None keeps all, damaged ones too.

    Raises:
        AccumbensError: the folder holds a good checkpoint of a later step, which `restore_latest` would prefer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.ckpt.tmp"):
        stale.unlink()
    for path in _checkpoints(folder):
        if int(path.stem) > step and is_good(path):
            raise AccumbensError(f"{path} is of a later step than {step}; remove it to go on from here")

    path = folder / file_name(step)
    temporary = path.with_suffix(".ckpt.tmp")
    try:
        with temporary.open("wb") as file:
            _write(file, step, tree)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(folder)

    if keep is None:
        return path
    good = 1
    for other in reversed(_checkpoints(folder)):
        if other == path:
            continue
        if good < keep and is_good(other):
            good += 1
        else:
            other.unlink()
    return path


def restore_latest(
    folder: Path, like: PyTree, added: tuple[str, ...] = (), of_any_length: tuple[str, ...] = ()
) -> tuple[PyTree, int, list[str]]:
    """Read the newest checkpoint that is not damaged.

    Args:
        folder: where `save` wrote.
        like: see `restore`.
        added: see `restore`.
        of_any_length: see `restore`.

    Returns:
        `(tree, step, warnings)`; a warning says which file was refused, why, and which is used instead.

    Raises:
        AccumbensError: there is no good checkpoint, or it does not fit `like`.
    """
    refused = []
    for path in reversed(_checkpoints(folder)):
        try:
            tree, step = restore(path, like, added, of_any_length)
        except (DamagedCheckpointError, OSError) as error:
            refused.append(str(error))
        else:
            return tree, step, [f"{reason}; using {path.name} instead" for reason in refused]
    raise AccumbensError("\n".join([f"there is no good checkpoint in {folder}", *refused]))


def restore(
    path: Path, like: PyTree, added: tuple[str, ...] = (), of_any_length: tuple[str, ...] = ()
) -> tuple[PyTree, int]:
    """Read one checkpoint.

    Args:
        path: a file written by `save`.
        like: a tree of the same structure, shapes and dtypes. Its arrays are not read and may be
            `jax.ShapeDtypeStruct`; leaves that are not stored are taken from it.
        added: how the paths of arrays end that earlier releases did not have; where the file lacks them, JAX arrays of
            zeros take their place.
        of_any_length: how the paths of NumPy vectors end that are as long as the file has them.

    Returns:
        `(tree, step)`: bit for bit what was saved; NumPy arrays and Python numbers where `like` has them, JAX arrays
        elsewhere.

    Raises:
        DamagedCheckpointError: the file is truncated or altered.
        UnlikeCheckpointError: the file does not fit `like`.
        AccumbensError: the file is missing, or is of another format version.
    """
    if not path.is_file():
        raise AccumbensError(f"there is no checkpoint {path}")
    _verify(path)
    with path.open("rb") as file:
        file.seek(_SEAL.size)
        version, description_size, _ = _SIZES.unpack(file.read(_SIZES.size))
        if version != FORMAT_VERSION:
            raise AccumbensError(f"{path} has format version {version}; this program reads version {FORMAT_VERSION}")
        description = json.loads(file.read(description_size))
        leaves, structure = jax.tree_util.tree_flatten_with_path(like)
        lengths = {leaf["path"]: leaf["shape"] for leaf in description["leaves"]}

        def sized(key_path: tuple, leaf: Any) -> Any:
            path = jax.tree_util.keystr(key_path)
            return np.empty(lengths[path], leaf.dtype) if path.endswith(of_any_length) and path in lengths else leaf

        leaves = [(key_path, sized(key_path, leaf)) for key_path, leaf in leaves]
        saved, expected = description["leaves"], [_describe(*leaf) for leaf in leaves if _is_stored(leaf[1])]
        there = {leaf["path"] for leaf in saved}
        absent = {leaf["path"] for leaf in expected if leaf["path"].endswith(added) and leaf["path"] not in there}
        _check_fit(path, saved, [leaf for leaf in expected if leaf["path"] not in absent])

        def read(key_path: tuple, leaf: Any) -> Any:
            if jax.tree_util.keystr(key_path) in absent:
                return jnp.zeros(leaf.shape, leaf.dtype)
            return _read_leaf(file, leaf) if _is_stored(leaf) else leaf

        restored = [read(*leaf) for leaf in leaves]
    return jax.tree_util.tree_unflatten(structure, restored), description["step"]


def _checkpoints(folder: Path) -> list[Path]:
    """All checkpoints in the folder, oldest first."""
    return sorted((path for path in folder.glob("*.ckpt") if path.stem.isdecimal()), key=lambda path: int(path.stem))


def require_good(folder: Path) -> None:
    """Refuse a folder all of whose checkpoints are damaged, before anything is made to go on from one.

    Raises:
        AccumbensError: says of each what is wrong.
    """
    refused = []
    for path in reversed(_checkpoints(folder)):
        try:
            _verify(path)
        except (DamagedCheckpointError, OSError) as error:
            refused.append(str(error))
        else:
            return
    if refused:
        raise AccumbensError("\n".join([f"there is no good checkpoint in {folder}", *refused]))


def good_steps(folder: Path) -> set[int]:
    """Return the steps of all good checkpoints."""
    return {int(path.stem) for path in _checkpoints(folder) if is_good(path)}


def newest(folder: Path) -> Path | None:
    """Return the newest checkpoint, good or damaged; None if there is none."""
    return next(reversed(_checkpoints(folder)), None)


def is_good(path: Path) -> bool:
    """Return whether a file is what `save` once wrote."""
    try:
        _verify(path)
    except (DamagedCheckpointError, OSError):
        return False
    return True


def _verify(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_SEAL.size + _SIZES.size)
        if len(header) < _SEAL.size + _SIZES.size:
            raise DamagedCheckpointError(f"{path} is truncated: it ends within its header")
        magic, digest = _SEAL.unpack_from(header)
        if magic != _MAGIC:
            raise DamagedCheckpointError(f"{path} is altered: it does not begin like a checkpoint")
        _, description_size, body_size = _SIZES.unpack_from(header, _SEAL.size)
        size, expected = path.stat().st_size, len(header) + description_size + body_size
        if size < expected:
            raise DamagedCheckpointError(f"{path} is truncated: {size} of {expected} bytes are there")
        file.seek(_SEAL.size)
        if hashlib.file_digest(file, "sha256").digest() != digest:
            raise DamagedCheckpointError(f"{path} is altered: its contents do not match its SHA-256")


def _check_fit(path: Path, saved: list[dict], expected: list[dict]) -> None:
    there = {leaf["path"]: "{dtype}{shape}".format(**leaf) for leaf in saved}
    here = {leaf["path"]: "{dtype}{shape}".format(**leaf) for leaf in expected}
    problems = [f"it has no leaf {name}" for name in here if name not in there]
    problems += [f"this run has no leaf {name}" for name in there if name not in here]
    problems += [
        f"leaf {name} is {there[name]} there and {here[name]} here"
        for name in here
        if there.get(name, here[name]) != here[name]
    ]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise UnlikeCheckpointError(f"{path} does not fit this run: {problems[0]}{more}")


def _is_stored(leaf: Any) -> bool:
    return isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct, np.ndarray, np.generic, *_NUMBERS))


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _describe(path: tuple, leaf: Any) -> dict[str, Any]:
    array = np.asarray(leaf) if isinstance(leaf, _NUMBERS) else leaf
    return {"path": jax.tree_util.keystr(path), "dtype": str(array.dtype), "shape": list(array.shape)}


def _write(file: BufferedWriter, step: int, tree: PyTree) -> None:
    leaves = [leaf for leaf in jax.tree_util.tree_leaves_with_path(tree) if _is_stored(leaf[1])]
    description = json.dumps({"step": step, "leaves": [_describe(*leaf) for leaf in leaves]}).encode()
    arrays = [_plain(leaf) for _, leaf in leaves]
    header = _SIZES.pack(FORMAT_VERSION, len(description), sum(array.nbytes for array in arrays)) + description
    digest = hashlib.sha256(header)
    file.write(_SEAL.pack(_MAGIC, bytes(32)) + header)
    for array in arrays:
        for piece in _pieces(array):
            file.write(piece)
            digest.update(piece)
    file.seek(0)
    file.write(_SEAL.pack(_MAGIC, digest.digest()))


def _plain(leaf: Any) -> jax.Array | np.ndarray:
    """The leaf as an array of an ordinary dtype and at least one axis."""
    if isinstance(leaf, _NUMBERS):
        leaf = np.asarray(leaf)
    elif _is_key(leaf):
        leaf = jax.random.key_data(leaf)
    return leaf.reshape(leaf.shape or (1,))


def _pieces(array: jax.Array | np.ndarray) -> Iterator[memoryview]:
    """The array's bytes in row-major order, a bounded number at a time.

    Slices are fetched, not the whole: a whole array fetched from an accelerator would stay cached in host memory.
    """
    axis = 0
    while (row_bytes := math.prod(array.shape[axis + 1 :]) * array.dtype.itemsize) > _PIECE_BYTES:
        axis += 1
    rows = max(1, _PIECE_BYTES // max(1, row_bytes))
    for index in np.ndindex(*array.shape[:axis]):
        for start in range(0, array.shape[axis], rows):
            piece = np.ascontiguousarray(array[(*index, slice(start, start + rows))])
            yield piece.reshape(-1).view(np.uint8).data


def _read_leaf(file: BufferedReader, like: Any) -> Any:
    if isinstance(like, _NUMBERS):
        return type(like)(_read_array(file, np.asarray(like)).item())
    if _is_key(like):
        data = _read_array(file, jax.eval_shape(jax.random.key_data, like))
        implementation = jax.random.key_impl(jnp.empty(like.shape, like.dtype))
        return jax.random.wrap_key_data(jnp.asarray(data), impl=implementation)
    array = _read_array(file, like)
    return array[()] if isinstance(like, np.generic) else array if isinstance(like, np.ndarray) else jnp.asarray(array)


def _read_array(file: BufferedReader, like: Any) -> np.ndarray:
    array = np.empty(like.shape, like.dtype)
    file.readinto(array.reshape(-1).view(np.uint8).data)
    return array


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
