"""What a file does not say is read right, or said, with the setting that changes it."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from accumbens.credit.tasks.description import describe, from_table, to_table
from accumbens.credit.tasks.registry import folder_name, is_file, make_task
from accumbens.credit.tasks.settings import FileSettings
from accumbens.errors import AccumbensError

TABLES = Path(__file__).parent / "tables"
RAW = {"standardise": False, "standardise_target": False}


def make(path, **settings):
    return make_task(str(path), FileSettings(**settings), 32)


def examples(task):
    return tuple(np.concatenate([part[column] for part in (task.train, task.valid, task.test)]) for column in (0, 1))


def write(path, header, cells, rows=40):
    lines = ([header] if header else []) + [cells(number) for number in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_decimal_commas_between_semicolons():
    task = make(TABLES / "leaf.csv", **RAW)
    assert (task.facts.kind, task.facts.inputs, task.labels) == ("classification", 1, ("a", "b"))
    x, _ = examples(task)
    np.testing.assert_allclose(np.unique(x), [1.1, 1.2, 2.1, 2.2, 3.1, 3.2], rtol=1e-6)
    assert any("--set delimiter=comma" in note for note in task.notes)
    assert any("'1,2' is 1.2" in note and "--set decimal=point" in note for note in task.notes)


def test_a_decimal_mark_that_is_not_certain_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "x;y;z", lambda i: f"{i},5;{i}.25;{i * i}")
    with pytest.raises(AccumbensError, match=r"there are '0,5' and '0\.25': .*--set decimal=point or decimal=comma"):
        make(path)
    with pytest.raises(AccumbensError, match=r"line 2, column 'x' holds '0,5': .* with a decimal point"):
        make(path, decimal="point")


def test_columns_of_the_same_name_are_pointed_out(tmp_path):
    task = make(write(tmp_path / "a.csv", "x,x,y", lambda i: f"{i % 3},{i % 5},{i * i}"))
    assert "2 columns are named 'x', and each is learned from" in task.notes


@pytest.mark.parametrize("name", ["labels.tsv", "labels.csv", "labels.txt", "labels.csv.gz", "labels.TSV.gz"])
def test_labels_with_commas_between_tabs(name, tmp_path):
    content = (TABLES / "labels.tsv").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    task = make(tmp_path / name)
    assert (task.facts.inputs, task.labels) == (1, ("a, b, c", "d, e, f"))
    assert task.notes[0] == "the target's 2 classes, from 0: 'a, b, c', 'd, e, f'"
    assert (is_file(name), folder_name(str(tmp_path / name))) == (True, "labels")


def test_names_of_columns_that_are_numbers():
    task = make(TABLES / "spectrum.csv", **RAW)
    x, y = examples(task)
    assert (x.shape, y.shape) == ((99, 3), (99, 1))
    assert float(y.var()) == pytest.approx(1, abs=0.3)
    assert any("(400, 402, 404, 406) names the columns; --set header=no" in note for note in task.notes)
    assert len(examples(make(TABLES / "spectrum.csv", header="no"))[0]) == 100
    by_name = make(TABLES / "spectrum.csv", target="402", **RAW)
    np.testing.assert_array_equal(np.sort(examples(by_name)[1][:, 0]), np.sort(x[:, 1]))


def test_labels_are_the_text_of_the_file():
    task = make(TABLES / "codes.csv", target="code")
    assert task.labels == ("20240101", "20240102", "20240103")
    assert task.notes == ("the target's 3 classes, from 0: 20240101, 20240102, 20240103",)
    assert from_table(to_table(describe(task))).labels == task.labels


@pytest.mark.parametrize(
    ("header", "cells", "said"),
    [
        ("2010,2011,2012", lambda i: f"{1900 + i},{2300 - 3 * i},{1800 + i * i}", "names the columns"),
        ("12,7,103", lambda i: f"{i / 7:.3f},{-i / 3:.3f},{i / 9:.3f}", "names the columns"),
        ("412.5,-433.1", lambda i: f"{i / 7:.3f},{i / 9:.3f}", "names the columns"),
        ("400,402,kind", lambda i: f"{i / 7:.3f},{i / 9:.3f},{'ab'[i % 2]}", "names the columns"),
        ("400,402,y", lambda i: f"{i / 7:.3f},{i / 9:.3f},{i * i}", "names the columns"),
        ("0,1,2", lambda i: f"{i / 7:.3f},{i / 9:.3f},{i * i}", "names the columns"),
        ("a,2011", lambda i: f"{i / 7:.3f},{i / 9:.3f}", None),
        (",0,1", lambda i: f"{i},{i / 9:.3f},{i * i / 7:.3f}", None),
        (None, lambda i: f"{i % 3},{i % 5},{i % 7}", "is an example"),
        (None, lambda i: f"{12 + i % 9},{37 + i * i},{62 + 3 * (i % 5)}", "is an example"),
        (None, lambda i: f"{i / 7:.3f},{'ab'[i % 2]}", "is an example"),
        (None, lambda i: f"{2000 + i},{2001 + i},{2002 + i}", "is an example"),
        (None, lambda i: f"{i / 10},{i / 10 + 1},{i / 5}", "is an example"),
    ],
)
def test_whether_the_first_row_names_the_columns(header, cells, said, tmp_path):
    task = make(write(tmp_path / "a.csv", header, cells))
    assert len(examples(task)[0]) == 40
    notes = [note for note in task.notes if "the first row" in note]
    assert len(notes) == (said is not None)
    if said is not None:
        other = "no" if header else "yes"
        assert said in notes[0]
        assert notes[0].endswith(f"--set header={other} changes it")
        if "y" not in (header or "") and "k" not in (header or ""):
            assert len(examples(make(tmp_path / "a.csv", header=other))[0]) == (41 if header else 39)


def test_a_comment_names_the_columns(tmp_path):
    path = write(tmp_path / "a.txt", "# x y", lambda i: f"{i / 8} {i * i}")  # as numpy.savetxt writes a header
    task = make(path, target="x", **RAW)
    assert sorted(examples(task)[1][:, 0]) == [i / 8 for i in range(40)]
    assert len(examples(make(path))[0]) == 40


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_an_index_nobody_meant_is_left_out(name, tmp_path):
    path = write(tmp_path / "a.csv", f"{name},x,y", lambda i: f"{i},{i / 7:.3f},{i * i}")
    task = make(path)
    assert task.facts.inputs == 1
    assert any("is an index, and left it out; --set ignore=none changes it" in note for note in task.notes)
    kept = make(path, ignore="none")
    assert (kept.facts.inputs, len(kept.notes)) == (2, 1)


def test_a_named_column_that_counts_the_rows_is_said(tmp_path):
    path = write(tmp_path / "a.csv", "id,x,y", lambda i: f"{i + 1},{i / 7:.3f},{i * i}")
    assert "the column 'id' counts the rows, and is learned from like any other; --set ignore=id leaves it out" in (
        make(path).notes
    )
    assert make(path, ignore="id").facts.inputs == 1
    with pytest.raises(AccumbensError, match="ignore=y cannot be used: y is to be predicted"):
        make(path, ignore="y")
    with pytest.raises(AccumbensError, match="no column to predict from"):
        make(path, ignore="id,x")


def test_columns_of_text_can_be_left_out(tmp_path):
    path = write(tmp_path / "a.csv", "name,x,place,y", lambda i: f"n{i},{i / 7:.3f},here,{i * i}")
    with pytest.raises(AccumbensError, match="line 2, column 'name' holds 'n0'"):
        make(path)
    assert make(path, ignore="name,2").facts.inputs == 1


def one_hot(number):
    return ["1,0,0", "0,1,0", "0,0,1"][number % 3]


@pytest.mark.parametrize(
    ("settings", "kind", "inputs", "outputs"),
    [
        ({}, "classification", 1, 3),
        ({"target": "cat,dog,fox"}, "classification", 1, 3),
        ({"target": "1,2,3", "kind": "regression"}, "regression", 1, 3),
        ({"target": "fox"}, "classification", 3, 2),
        ({"kind": "regression"}, "regression", 3, 1),
        ({"target": "x,fox"}, "regression", 2, 2),
    ],
)
def test_one_hot_columns_are_one_target(settings, kind, inputs, outputs, tmp_path):
    path = write(tmp_path / "a.csv", "x,cat,dog,fox", lambda i: f"{i / 7:.3f},{one_hot(i)}")
    task = make(path, **settings, **RAW)
    assert (task.facts.kind, task.facts.inputs, task.facts.outputs) == (kind, inputs, outputs)
    if outputs == 3 and kind == "classification":
        assert task.labels == ("cat", "dog", "fox")
        x, y = examples(task)
        np.testing.assert_array_equal(y, np.round(x[:, 0] * 7) % 3)
        assert any("exactly one is 1 in every row" in note and "--set " in note for note in task.notes)


def test_several_columns_that_are_not_one_hot_are_no_classes(tmp_path):
    path = write(tmp_path / "a.csv", "x,a,b", lambda i: f"{i / 7:.3f},{i % 2},{i % 2}")
    with pytest.raises(AccumbensError, match=r"kind=classification cannot be used: it must be regression for .*a\.csv"):
        make(path, target="a,b", kind="classification")


def test_labels_of_many_digits_stay_apart_and_spellings_come_together(tmp_path):
    code = 20240101000000001  # the next number in 64 bits is larger by 2
    path = write(tmp_path / "a.csv", "x,code", lambda i: f"{i / 7:.3f},{code + i % 2}")
    assert make(path, kind="classification").labels == (str(code), str(code + 1))
    path = write(tmp_path / "b.csv", "x,code", lambda i: f"{i / 7:.3f},{['1', '2', '2.0', '10'][i % 4]}")
    task = make(path)
    assert task.labels == ("1", "2", "10")
    assert "taken as one class: 2 and 2.0, which are the same number" in task.notes


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([20240101.0, 20240102.0]), ("20240101", "20240102")),
        (np.array([2**53, 2**53 + 1]), ("9007199254740992", "9007199254740993")),
        (np.array([b"no", b"yes"]), ("no", "yes")),
        (np.array([False, True]), ("0", "1")),
        (np.eye(2), ("0", "1")),
    ],
)
def test_labels_in_arrays(labels, expected, tmp_path):
    which = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=labels[which])
    assert make(tmp_path / "a.npz", kind="classification").labels == expected


@pytest.mark.parametrize(
    ("shape", "channels", "expected", "said"),
    [
        ((8, 6, 3), "auto", (3, 8, 6), "3 channels last, and 8 × 6 pixels (height, width); --set channels=first"),
        ((3, 8, 6), "auto", (3, 8, 6), "3 channels first, and 8 × 6 pixels (height, width); --set channels=last"),
        ((3, 8, 4), "last", (4, 3, 8), "in the order channels, height, width"),
        ((8, 6, 3), "first", (8, 6, 3), None),
        ((8, 6), "auto", (1, 8, 6), "a picture of one channel, 8 × 6"),
    ],
)
def test_channels_of_pictures(shape, channels, expected, said, tmp_path):
    pictures = np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)
    pictures.reshape(40, -1)[:, 0] = np.arange(40)
    np.savez(tmp_path / "a.npz", x=pictures, y=np.arange(40) % 2)
    task = make(tmp_path / "a.npz", channels=channels, **RAW)
    assert task.facts.image_shape == expected
    x, _ = examples(task)
    moved = pictures if expected[-2:] == shape[-2:] else np.moveaxis(pictures, 3, 1)
    np.testing.assert_array_equal(x[np.argsort(x[:, 0])], moved.reshape(40, -1))
    assert any(said in note for note in task.notes) if said else len(task.notes) == 1
