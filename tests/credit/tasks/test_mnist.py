"""MNIST from IDX files, compressed or not, whole or damaged, and from OpenML."""

import gzip
import os
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from accumbens.credit.tasks.idx import read_idx
from accumbens.credit.tasks.mnist import make_mnist
from accumbens.credit.tasks.registry import TASKS
from accumbens.credit.tasks.settings import TaskSettings
from accumbens.errors import AccumbensError

SETTINGS = TaskSettings(split_seed=50)
TRAIN_IMAGES = "train-images-idx3-ubyte"


def corner(x):
    """The number of an image, from its first pixel."""
    return np.round((x[:, 0].astype(np.float64) * 0.5 + 0.5) * 255).astype(int)


def test_images_are_read_scaled_and_split_by_class(data):
    task = make_mnist(SETTINGS, 32, data)
    assert task.facts.image_shape == (1, 28, 28)
    assert [len(part.x) for part in (task.train, task.valid, task.test)] == [100, 20, 30]
    found = np.concatenate([corner(task.train.x), corner(task.valid.x)])
    np.testing.assert_array_equal(np.sort(found), np.arange(120))
    for part in (task.train, task.valid, task.test):
        np.testing.assert_array_equal(corner(part.x) % 10, part.y)
        np.testing.assert_array_equal(part.x[:, -1], 1)
        np.testing.assert_array_equal(part.x[:, 1], -1)
    np.testing.assert_array_equal(np.bincount(task.valid.y), 2)
    np.testing.assert_array_equal(corner(task.test.x), np.arange(30))
    scale = task.input_scale
    np.testing.assert_allclose((np.arange(30) - scale.shift) / scale.deviation, task.test.x[:, 0], atol=1e-6)


def test_the_split_is_that_of_the_released_code_by_default(data):
    task = make_mnist(TASKS["mnist"].settings, 32, data)
    numbers = np.arange(120)
    train, valid = train_test_split(numbers, test_size=1 / 6, random_state=50, stratify=numbers % 10)
    np.testing.assert_array_equal(corner(task.train.x), train)
    np.testing.assert_array_equal(corner(task.valid.x), valid)


def test_files_may_be_compressed_or_lie_in_the_folder_itself(data, monkeypatch):
    expected = make_mnist(SETTINGS, 32, data).digest
    for path in (data / "mnist").iterdir():
        (data / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert make_mnist(SETTINGS, 32, data).digest == expected
    monkeypatch.setenv("ACCUMBENS_DATA", str(data))
    assert make_mnist(SETTINGS, 32).digest == expected


def test_a_folder_without_the_files_says_what_was_looked_for(data, tmp_path):
    (data / "mnist" / TRAIN_IMAGES).unlink()
    with pytest.raises(AccumbensError, match=rf"no {TRAIN_IMAGES} or {TRAIN_IMAGES}\.gz in .*mnist"):
        make_mnist(SETTINGS, 32, data)
    with pytest.raises(AccumbensError, match="--data, is not a folder"):
        make_mnist(SETTINGS, 32, tmp_path / "nowhere")


def test_a_folder_that_the_environment_names_must_be_there(monkeypatch, tmp_path):
    monkeypatch.setenv("ACCUMBENS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(AccumbensError, match="ACCUMBENS_DATA, is not a folder"):
        make_mnist(SETTINGS, 32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-1], "is damaged: it should hold 94080 bytes .* and holds 94079"),
        (lambda content: content + b"\0", "and holds 94081"),
        (lambda content: content[:10], "is not an IDX file"),
        (lambda content: b"", "is not an IDX file: its first bytes are missing"),
        (lambda content: b"\x89PNG" + content[4:], "is not an IDX file: its first bytes are 89 50 4e 47"),
        (lambda content: content[:2] + b"\x0d" + content[3:], "numbers of type 0x0d: expected bytes"),
        (lambda content: content[:3] + b"\x01" + content[4:], "is damaged"),
        (lambda content: content[:8] + content[12:16] + content[8:12] + content[16:], None),
    ],
)
def test_damaged_files_are_refused(damage, message, data):
    path = data / "mnist" / TRAIN_IMAGES
    path.write_bytes(damage(path.read_bytes()))
    if message is None:  # lengths swapped that are equal: the same file
        assert len(make_mnist(SETTINGS, 32, data).train.x) == 100
        return
    with pytest.raises(AccumbensError, match=message):
        make_mnist(SETTINGS, 32, data)


@pytest.mark.parametrize("damage", [lambda content: content[:-20], lambda content: content[20:]])
def test_damaged_compression_is_refused(damage, data):
    path = data / "mnist" / TRAIN_IMAGES
    path.with_name(f"{TRAIN_IMAGES}.gz").write_bytes(damage(gzip.compress(path.read_bytes())))
    path.unlink()
    with pytest.raises(AccumbensError, match=r"gz cannot be read"):
        make_mnist(SETTINGS, 32, data)


def test_images_and_labels_must_fit(data):
    labels = data / "mnist" / "train-labels-idx1-ubyte"
    content = labels.read_bytes()
    labels.write_bytes((data / "mnist" / "t10k-labels-idx1-ubyte").read_bytes())
    with pytest.raises(AccumbensError, match="expected 120 labels"):
        make_mnist(SETTINGS, 32, data)
    labels.write_bytes(content[:-1] + b"\x0a")
    with pytest.raises(AccumbensError, match="10 as its largest label"):
        make_mnist(SETTINGS, 32, data)
    images = data / "mnist" / TRAIN_IMAGES
    images.write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]))
    np.testing.assert_array_equal(read_idx(images), [[[1, 2], [3, 4]]])
    with pytest.raises(AccumbensError, match="expected images of 28 × 28"):
        make_mnist(SETTINGS, 32, data)


def test_without_network_or_folder_both_ways_are_said(monkeypatch):
    def offline(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.delenv("ACCUMBENS_DATA", raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", offline)
    with pytest.raises(AccumbensError, match=rf"OpenML.*no route.*network.*{TRAIN_IMAGES}.*--data or ACCUMBENS_DATA"):
        make_mnist(SETTINGS, 32)


def openml(monkeypatch, images, labels):
    def fetch(name, **options):
        assert (name, options["version"], options["as_frame"]) == ("mnist_784", 1, False)
        return Bunch(data=images, target=labels)

    monkeypatch.delenv("ACCUMBENS_DATA", raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)


def test_the_last_images_of_openml_test(monkeypatch):
    images = np.zeros((70_000, 784), np.uint8)
    images[:, 0] = np.arange(70_000) % 250
    images[60_000:, 1] = 255
    openml(monkeypatch, images, np.array([str(label) for label in range(10)] * 7_000, dtype=object))
    task = make_mnist(SETTINGS, 32)
    assert [len(part.x) for part in (task.train, task.valid, task.test)] == [50_000, 10_000, 10_000]
    for part, second in ((task.train, -1), (task.valid, -1), (task.test, 1)):
        np.testing.assert_array_equal(corner(part.x) % 10, part.y)
        np.testing.assert_array_equal(part.x[:, 1], second)


def test_something_else_from_openml_is_refused(monkeypatch):
    openml(monkeypatch, np.zeros((10, 784)), np.array(["0"] * 10, dtype=object))
    with pytest.raises(AccumbensError, match=r"shape \(10, 784\).*expected \(70000, 784\)"):
        make_mnist(SETTINGS, 32)


@pytest.mark.skipif("ACCUMBENS_DATA" not in os.environ, reason="wants the real MNIST in ACCUMBENS_DATA")
def test_the_real_mnist():
    task = make_mnist(SETTINGS, 32, Path(os.environ["ACCUMBENS_DATA"]))
    assert [len(part.x) for part in (task.train, task.valid, task.test)] == [50_000, 10_000, 10_000]
    known = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(task.train.y) + np.bincount(task.valid.y), known)
    np.testing.assert_allclose(np.bincount(task.valid.y), np.array(known) / 6, atol=1)
    np.testing.assert_array_equal(np.bincount(task.test.y), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    pixels = np.concatenate([task.train.x, task.valid.x]).astype(np.float64) * 0.5 + 0.5
    assert pixels.mean() == pytest.approx(0.13066, abs=1e-5)
    assert pixels.std() == pytest.approx(0.30811, abs=1e-5)
