"""A user's own file becomes the task they mean, or they are told where it cannot."""

import numpy as np
import pytest

from accumbens.credit.tasks.registry import make_task, task_entry
from accumbens.credit.tasks.settings import FileSettings
from accumbens.errors import AccumbensError, UnknownNameError

RAW = {"standardise": False, "standardise_target": False}


def make(path, **settings):
    return make_task(str(path), FileSettings(**settings), 32)


def together(task):
    """All examples, in the order of their first feature."""
    parts = (task.train, task.valid, task.test)
    x, y = (np.concatenate([part[column] for part in parts]) for column in (0, 1))
    order = np.argsort(x[:, 0])
    return x[order], y[order]


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


def table(cells, rows=30):
    """Lines whose first cell counts; `cells(i)` are the others."""
    return [f"{i}.5,{cells(i)}" for i in range(rows)]


@pytest.mark.parametrize("header", ["count,other,price", None, "0,1,2"])
def test_numbers_with_and_without_a_header(header, tmp_path):
    lines = table(lambda i: f"{-i}, {i / 7:.6f}")
    task = make(write(tmp_path / "a.csv", [header, *lines] if header else lines), **RAW)
    assert (task.facts.kind, task.facts.inputs, task.facts.outputs) == ("regression", 2, 1)
    x, y = together(task)
    np.testing.assert_allclose(x, np.stack([np.arange(30) + 0.5, -np.arange(30)], axis=1))
    np.testing.assert_allclose(y[:, 0], np.arange(30) / 7, atol=1e-6)


def test_files_are_standardised_by_default(tmp_path):
    task = make(write(tmp_path / "a.csv", ["a,b,c", *table(lambda i: f"7,{i * i}")]))
    np.testing.assert_allclose(task.train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(task.train.x.std(axis=0), [1, 0], atol=1e-6)
    np.testing.assert_allclose(task.train.y.std(), 1, rtol=1e-6)
    assert len(task.notes) == 1


@pytest.mark.parametrize(("header", "target"), [("count,fruit", "last"), (None, "last"), ("count,fruit", "fruit")])
def test_text_becomes_sorted_classes(header, target, tmp_path):
    lines = table(lambda i: ["pear", "apple", "fig"][i % 3])
    task = make(write(tmp_path / "a.csv", [header, *lines] if header else lines), target=target, **RAW)
    assert (task.facts.kind, task.facts.outputs) == ("classification", 3)
    x, y = together(task)
    assert len(x) == 30
    np.testing.assert_array_equal(y, np.array([2, 0, 1])[np.arange(30) % 3])
    assert task.labels == ("apple", "fig", "pear")
    classes, *assumed = task.notes
    assert classes == "the target's 3 classes, from 0: apple, fig, pear"
    assert ["is an example, not a header" in note for note in assumed] == ([] if header else [True])
    assert np.bincount(task.test.y).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("cell", "kind", "expected"),
    [
        (lambda i: f"{10 * (i % 3)}", "auto", "classification"),
        (lambda i: f"{i % 2}.0", "auto", "classification"),
        (lambda i: f"{i % 2 + 0.5}", "auto", "regression"),
        (lambda i: f"{i % 21}", "auto", "regression"),
        (lambda i: f"{10 * (i % 3)}", "regression", "regression"),
        (lambda i: f"{i % 2 + 0.5}", "classification", "classification"),
    ],
)
def test_few_whole_numbers_are_classes_unless_the_user_says_otherwise(cell, kind, expected, tmp_path):
    task = make(write(tmp_path / "a.csv", table(cell, rows=63)), kind=kind, **RAW)
    assert task.facts.kind == expected
    _, y = together(task)
    numbers = np.array([float(cell(i)) for i in range(63)])
    known = np.unique(numbers).searchsorted(numbers) if expected == "classification" else numbers[:, None]
    np.testing.assert_allclose(y, known)


@pytest.mark.parametrize("target", ["0", "count"])
def test_the_target_may_be_any_column(target, tmp_path):
    lines = [line.replace(",", ";") for line in ["count,x", *table(lambda i: -i)]]
    task = make(write(tmp_path / "b.csv", lines), target=target, **RAW)
    np.testing.assert_allclose(task.train.y[:, 0], 0.5 - task.train.x[:, 0])


@pytest.mark.parametrize(
    ("lines", "settings", "message"),
    [
        ([], {}, r"a\.csv is empty"),
        (["a,b"], {}, "a header and nothing below"),
        (["1", "2"], {}, "single column"),
        (["a,b", "1,2", "1,2,3"], {}, "line 3 has 3 cells, the first row 2"),
        (["a,b", "1,2", "", ",3"], {}, "line 4, column 'a' is empty: .*remove such rows, or .*--set ignore=a$"),
        (["a,b", "1,2", "nan,3"], {}, "line 3, column 'a' holds 'nan'"),
        (["1,2", "inf,3"], {}, r"line 2, column 0 \(from 0\) holds 'inf'"),
        (["1,2", "1e39,3"], {}, "holds '1e39': expected a number that is finite in 32 bits"),
        (["a,b,c", "1,x,3"], {}, "line 2, column 'b' holds 'x'"),
        (["a,b", "1,2", "2,"], {}, r"a\.csv: line 3, column 'b' is empty"),
        (["a,b", "1,2", "2,oops"], {}, "line 3, column 'b' holds 'oops', .*kind=classification"),
        (["a,b", "1,x", "2,y"], {"kind": "regression"}, "line 2, column 'b' holds 'x'"),
        (["1,2", "3,4"], {"target": "2"}, r"target=2 cannot be used: .* 0 to 1"),
        (["1,2", "3,4"], {"target": "-1"}, r"target=-1 cannot be used: columns of .*a\.csv"),
        (["a,a", "3,4"], {"target": "a"}, "2 columns 'a'"),
        (["a,b", "1,2", "2,3"], {"kind": "classification"}, r"the class 2 has 1 of the 2 examples: at least 3"),
        (["a,b", *(f"{i},x" for i in range(9)), "9,fig"], {}, r"a\.csv: the class fig has 1 of the 10 examples"),
        (["a,b", *(f"{i},{i // 3}" for i in range(9))], {}, r"a\.csv: .* examples cannot be split"),
        (["a,b", *(f"{i},x" for i in range(9))], {}, "a single class"),
        (["a,b", *(f"{i},1.5" for i in range(9))], {}, r"a\.csv: the target is 1\.5 in every example"),
        (["a,b", '"1,2'], {}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(lines, settings, message, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(AccumbensError, match=message):
        make(path, **settings)


def test_an_unknown_column_offers_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'price'"):
        make(write(tmp_path / "a.csv", ["size,price", "1,2"]), target="prise")


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.npy"])
def test_missing_and_damaged_files(name, tmp_path):
    path = tmp_path / name
    with pytest.raises(AccumbensError, match="does not exist"):
        make(path)
    path.write_bytes(b"\xff\xfe\x00PK\x03\x04")
    with pytest.raises(AccumbensError, match=r"cannot be read: (expected text in UTF-8|it is no NumPy file)"):
        make(path)


def test_a_file_of_another_kind_is_named(tmp_path):
    with pytest.raises(AccumbensError, match=r"a\.ods cannot be a task: its name must end in \.csv, \.tsv, .*\.npy"):
        task_entry(str(write(tmp_path / "a.ods", ["1,2"])))


def test_columns_of_a_numpy_array(tmp_path):
    array = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.save(tmp_path / "a.npy", array)
    for target, column in (("last", 2), ("1", 1)):
        x, y = together(make(tmp_path / "a.npy", target=target, **RAW))
        ordered = array[np.argsort(array[:, 0])]
        np.testing.assert_array_equal(x, np.delete(ordered, column, axis=1))
        np.testing.assert_array_equal(y[:, 0], ordered[:, column])
    with pytest.raises(AccumbensError, match="target=price cannot be used"):
        make(tmp_path / "a.npy", target="price")


def test_arrays_by_name(tmp_path):
    generator = np.random.default_rng(0)
    images, labels = generator.normal(size=(40, 2, 3, 4)), np.arange(40) % 4
    np.savez(tmp_path / "a.npz", x=images, y=labels)
    task = make(tmp_path / "a.npz", **RAW)
    assert (task.facts.kind, task.facts.outputs, task.facts.image_shape) == ("classification", 4, (2, 3, 4))
    x, y = together(task)
    order = np.argsort(images.reshape(40, -1)[:, 0])
    np.testing.assert_allclose(x, images.reshape(40, -1)[order], rtol=1e-6)
    np.testing.assert_array_equal(y, labels[order])
    np.savez(tmp_path / "b.npz", x=images.reshape(40, -1), y=generator.normal(size=(40, 2)))
    assert make(tmp_path / "b.npz").facts.outputs == 2
    np.savez(tmp_path / "c.npz", x=images.reshape(40, -1), y=np.array(["no", "yes"])[labels % 2])
    assert make(tmp_path / "c.npz").notes == ("the target's 2 classes, from 0: no, yes",)


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ({"x": np.zeros((5, 2))}, {}, "holds arrays x: expected x and y"),
        ({"x": np.zeros((5, 2)), "y": np.zeros(4)}, {}, r"shape \(5, 2\) and y of shape \(4,\)"),
        ({"x": np.zeros((5, 2, 2, 2, 2)), "y": np.zeros(5)}, {}, r"shape \(5, 2, 2, 2, 2\)"),
        ({"x": np.zeros((5, 2)), "y": np.zeros(5)}, {"channels": "last"}, r"channels=last cannot be used: .*\(5, 2\)"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0)}, {}, r"shape \(0, 2\)"),
        ({"x": np.array([["a"], ["b"]]), "y": np.zeros(2)}, {}, "<U1: expected numbers"),
        ({"x": np.array([[0, 1], [2, np.nan]]), "y": np.zeros(2)}, {}, r"nan at index \(1, 1\)"),
        ({"x": np.zeros((5, 2)), "y": np.zeros(5)}, {"target": "1"}, "target=1 cannot be used.*npz"),
        ({"x": np.zeros((5, 2)), "y": np.array(list("abcde"))}, {"kind": "regression"}, "kind=regression cannot"),
        ({"x": np.zeros((5, 2)), "y": np.zeros((5, 2))}, {"kind": "classification"}, "several columns"),
        ({"x": np.zeros((5, 2)), "y": np.array([{}] * 5)}, {}, "cannot be read"),
    ],
)
def test_what_is_wrong_with_arrays_is_said(arrays, settings, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(AccumbensError, match=message):
        make(tmp_path / "a.npz", **settings)


def test_a_file_is_known_by_its_full_path(tmp_path, monkeypatch):
    write(tmp_path / "mine.csv", table(lambda i: i % 2))
    monkeypatch.chdir(tmp_path)
    name, entry = task_entry("mine.csv")
    assert name == str(tmp_path / "mine.csv")
    monkeypatch.chdir("/")
    assert make_task(name, entry.settings, 32).facts.kind == "classification"
