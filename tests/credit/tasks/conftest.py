"""A folder with data sets of the right formats, but tiny."""

import struct

import numpy as np
import pytest


def idx_bytes(array):
    """The IDX format, written from its description: magic number, lengths, bytes."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(struct.pack(">I", length) for length in array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_mnist(folder, train=120, test=30):
    """Write four files; image number i has the pixel i % 256 in its first corner, 255 in its last, and label i % 10."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in (("train", train), ("t10k", test)):
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, -1, -1] = np.arange(count) % 256, 255
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(count) % 10))


@pytest.fixture
def boston_table():
    """506 rows of numbers of two decimals, in hundreds by column; those of column B alone are above 5000."""
    table = np.arange(506)[:, None] / 100 + 100.0 * np.arange(14)
    table[:, 11] += 5000
    return table


@pytest.fixture
def data(tmp_path, monkeypatch, boston_table):
    """The folder, with a text, and MNIST and Boston in subfolders; the environment names no other."""
    monkeypatch.delenv("ACCUMBENS_DATA", raising=False)
    (tmp_path / "fox.txt").write_text("the quick brown fox jumps over the lazy dog; " * 60, encoding="utf-8")
    write_mnist(tmp_path / "mnist")
    (tmp_path / "boston").mkdir()
    np.savetxt(tmp_path / "boston" / "housing.csv", boston_table, fmt="%.2f", delimiter=",")
    return tmp_path
