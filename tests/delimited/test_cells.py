"""How a table in a text file is written is found out; the committed comparison of libraries has the hard files."""

import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accumbens.delimited.cells import DELIMITERS, read_cells
from accumbens.delimited.numbers import Marks, find_marks
from accumbens.errors import AccumbensError, UnknownNameError


def read(path, content, **how):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_cells(path, **how)


ROWS = [["x", "label"], ["1.5", "a"], ["2.5", "b"], ["0.5", "a"]]


def written(rows, delimiter, quote='"', everything=False):
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ("x,label\n1.5,a\n2.5,b\n0.5,a", []),
        ("x,label\n1.5,a\n\n2.5,b\n0.5,a\n\n  \n", []),
        ("x, label\n1.5, a\n2.5, b\n0.5, a\n", []),
        ("x,label,\n1.5,a,\n2.5,b,\n0.5,a,\n", []),
        ("x\tlabel\r\n1.5\ta\r\n2.5\tb\r\n0.5\ta\r\n", []),
        ("x,label\r1.5,a\r2.5,b\r0.5,a\r", []),
        ("  x  label\n1.5      a\n2.5  b \n0.5      a\n", []),
        ("sep=;\nx;label\n1.5;a\n2.5;b\n0.5;a\n", []),
        ("\ufeffsep=|\r\nx|label\r\n1.5|a\r\n2.5|b\r\n0.5|a", []),
        ("\ufeffx,label\n1.5,a\n2.5,b\n0.5,a", []),
        ("x\tlabel\n1.5\ta\n2.5\tb\n0.5\ta\n".encode("utf-16"), []),
        ("# by hand\n# in mm\nx,label\n1.5,a\n2.5,b\n# out of film\n0.5,a\n", ["the first 2 lines are comments"]),
    ],
)
def test_the_same_table_however_it_is_written(content, notes, tmp_path):
    found = read(tmp_path / "a.txt", content)
    assert found.rows == ROWS
    assert [note for note in found.notes if not any(word in note for word in notes)] == []


def test_lines_are_those_of_the_file(tmp_path):
    found = read(tmp_path / "a.csv", 'sep=,\n# mm\nx,label\n1,"two\nlines"\n\n2,one\n')
    assert found.rows == [["x", "label"], ["1", "two\nlines"], ["2", "one"]]
    assert found.lines == [3, 5, 7]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_commas_in_unquoted_labels_separate_nothing(delimiter, tmp_path):
    lines = [f"{number / 8}{delimiter}{'d, e, f' if number % 3 else 'a, b, c'}\n" for number in range(40)]
    found = read(tmp_path / "a.csv", "".join(lines))
    assert found.rows[:2] == [["0.0", "a, b, c"], ["0.125", "d, e, f"]]


def test_a_delimiter_that_could_be_another_is_said_and_can_be_chosen(tmp_path):
    content = "".join(f"1,{number % 2};{'ab'[number % 2]}\n" for number in range(20))
    found = read(tmp_path / "a.csv", content)
    assert found.rows[0] == ["1,0", "a"]
    assert found.notes == [
        "assumed that cells are separated by semicolons, not commas; --set delimiter=comma changes it"
    ]
    chosen = read(tmp_path / "a.csv", content, delimiter="comma")
    assert (chosen.rows[0], chosen.notes) == (["1", "0;a"], [])
    said = read(tmp_path / "a.csv", f"sep=,\n{content}")
    assert (said.rows[0], said.notes) == (["1", "0;a"], [])


def test_a_header_that_leaves_out_the_names_of_rows_is_completed(tmp_path):
    found = read(tmp_path / "a.txt", '"mpg" "cyl"\n"Mazda RX4" 21 6\n"Datsun 710" 22.8 4\n')
    assert found.rows[:2] == [["", "mpg", "cyl"], ["Mazda RX4", "21", "6"]]
    with pytest.raises(AccumbensError, match="line 2 has 3 cells, the first row 2"):
        read(tmp_path / "a.txt", "a,b\n0.5,1,2\n0.5,1,2\n")


def test_packed_files(tmp_path):
    assert read(tmp_path / "a.csv.gz", gzip.compress(b"x,label\n1,a\n")).rows == [["x", "label"], ["1", "a"]]
    with pytest.raises(AccumbensError, match="cannot be read: Not a gzipped file"):
        read(tmp_path / "b.csv.gz", "x,label\n")


def test_other_encodings_are_said_and_can_be_chosen(tmp_path):
    found = read(tmp_path / "a.csv", "größe,farbe\n1,weiß\n2,grün\n".encode("latin-1"))
    assert found.rows[0] == ["größe", "farbe"]
    assert found.notes == [
        "assumed that the text is in Windows-1252, as it is not in UTF-8; --set encoding=NAME changes it"
    ]
    cyrillic = read(tmp_path / "a.csv", "x,цвет\n1,белый\n".encode("koi8-r"), encoding="koi8-r")
    assert (cyrillic.rows[0], cyrillic.notes) == (["x", "цвет"], [])


@pytest.mark.parametrize(
    ("content", "how", "message"),
    [
        ("", {}, "is empty"),
        (",,\n\n", {}, "is empty"),
        ("a,b\0\n", {}, "it is no text"),
        (b"\xff\xfe\x00PK\x03\x04", {}, "cannot be read"),
        ("Table 1\n\na,b\n1,2\n1,3\n", {}, "line 3 has 2 cells, the first row 1, with commas between cells"),
        ("a,b\n", {"encoding": "utf-9"}, "encoding=utf-9 cannot be used"),
        ("a,é\n".encode("latin-1"), {"encoding": "utf-8"}, "expected text in utf-8 "),
        ('a,b\n"1,2\n', {"delimiter": "comma"}, "with commas between cells: unexpected end of data"),
    ],
)
def test_what_cannot_be_read_is_refused(content, how, message, tmp_path):
    with pytest.raises(AccumbensError, match=message):
        read(tmp_path / "a.csv", content, **how)
    with pytest.raises(UnknownNameError, match="did you mean 'semicolon'"):
        read_cells(tmp_path / "a.csv", "semicolons")


LABELS = st.sampled_from(["a", "b c", "d, e", "f; g", 'h "i"', "it's", "k|l", "ü", "1a"])
NUMBERS = st.decimals(-9999, 9999, places=2).map(str)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_was_written_is_read_back(data, tmp_path_factory):
    """A table of two columns of numbers and one of labels, with any delimiter, quotes and decimal mark."""
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = data.draw(st.sampled_from([".", ","]))
    everything = data.draw(st.booleans())
    numbers = [data.draw(st.tuples(NUMBERS, NUMBERS)) for _ in range(8)]
    labels = [data.draw(LABELS) for _ in numbers]
    rows = [[x.replace(".", decimal), y.replace(".", decimal), z] for (x, y), z in zip(numbers, labels, strict=True)]
    rows = [["x", "y", "label"], *rows] if data.draw(st.booleans()) else rows
    path = tmp_path_factory.mktemp("written") / "a.csv"
    found = read(path, written(rows, delimiter, everything=everything))
    assert (found.rows, found.delimiter) == (rows, delimiter)
    marks, _ = find_marks(zip(*rows[-len(numbers) :], strict=True), delimiter)
    assert [[marks.value(cell) for cell in row[:2]] for row in rows[-len(numbers) :]] == [
        [float(x), float(y)] for x, y in numbers
    ]


@pytest.mark.parametrize(
    ("cells", "delimiter", "marks", "value"),
    [
        (["1.5", "2"], ",", Marks(), 1.5),
        (["0,435", "4", "2,059"], ";", Marks("comma", True), 0.435),
        (["1,286", "2,059"], ";", Marks("comma", True), 1.286),
        (["1,286", "2,059"], ",", Marks("point", True), 1286),
        (["38,147,147", "2"], ";", Marks("point", True), 38147147),
        (["10,000.00", "1.5"], ";", Marks("point", True), 10000),
        (["1.000,92", "1.001"], ";", Marks("comma", True), 1000.92),
        (["-1,5e-3", "2"], "\t", Marks("comma", True), -0.0015),
        (["1,5,", "no number"], ";", Marks(), float("nan")),
        (["1_000", "2"], ",", Marks(), float("nan")),
    ],
)
def test_what_points_and_commas_mean(cells, delimiter, marks, value):
    found, notes = find_marks([cells], delimiter)
    assert found == marks
    assert found.value(cells[0]) == pytest.approx(value, nan_ok=True)
    assert [note.startswith("assumed that commas") for note in notes] == ([True] if marks.grouped else [])


def test_mixed_decimal_marks_are_refused_unless_chosen():
    with pytest.raises(AccumbensError, match=r"not certain: there are '0,5' and '2\.87'"):
        find_marks([["0,5", "1"], ["2.87", "1"]], ";")
    marks, notes = find_marks([["0,5", "1"], ["2.87", "1"]], ";", "comma")
    assert (marks.value("0,5"), marks.is_number("2.87"), notes) == (0.5, False, [])


def test_every_delimiter_has_a_name():
    assert list(DELIMITERS) == ["comma", "semicolon", "tab", "bar", "space"]
