"""Which library finds out how a small table in a text file is written? Tried on files as people have them.

    uv run --with duckdb --with clevercsv --with pandas --with polars python benchmarks/csv_sniffers.py

A file counts as read right if all its cells are, as text without blanks around them; a library may also refuse. Ours is
what `accumbens fit` reads. Writes `benchmarks/results/csv_sniffers.csv`.
"""

import csv
import io
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from accumbens.runs.tables import write_table

RESULTS = Path(__file__).parent / "results" / "csv_sniffers.csv"
ROWS = 60

Cells = list[list[str]]


def written(rows: Cells, delimiter: str = ",", quote: str = '"', end: str = "\n", everything: bool = False) -> str:
    """Return rows as the standard library writes them."""
    text, quoting = io.StringIO(), csv.QUOTE_ALL if everything else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


def corpus() -> dict[str, tuple[bytes, Cells]]:
    """Return files by what is special about them: their bytes, and their cells with the header, if there is one."""
    draw = random.Random(0)

    def number(decimal: str = ".", digits: int = 3) -> str:
        return f"{draw.gauss(0, 1):.{digits}f}".replace(".", decimal)

    def numbers(columns: int, decimal: str = ".", rows: int = ROWS) -> Cells:
        return [[number(decimal) for _ in range(columns)] for _ in range(rows)]

    def chosen(*labels: str) -> list[str]:
        return [draw.choice(labels) for _ in range(ROWS)]

    def beside(*columns: list[str]) -> Cells:
        return [list(row) for row in zip(*columns, strict=True)]

    def column(decimal: str = ".") -> list[str]:
        return [number(decimal) for _ in range(ROWS)]

    files: dict[str, tuple[str | bytes, Cells]] = {}

    def add(name: str, rows: Cells, text: str | bytes | None = None, **how: str) -> None:
        files[name] = (written(rows, **how) if text is None else text, rows)

    names = [["x", "y", "label"]]
    three = names + beside(column(), column(), chosen("a", "b"))
    commas = names + beside(column(","), column(","), chosen("a", "b"))
    add("commas", three)
    add("semicolons", three, delimiter=";")
    add("tabs", three, delimiter="\t")
    add("bars", three, delimiter="|")
    add("spaces", three, delimiter=" ")
    rows = numbers(3)
    add("aligned by spaces", rows, "\n".join("".join(f"{cell:>9}" for cell in row) for row in rows) + "\n")
    add("decimal commas, semicolons", commas, delimiter=";")
    add("decimal commas, semicolons, no header", commas[1:], delimiter=";")
    add("decimal commas, semicolons, two columns, no header", beside(column(","), chosen("a", "b")), delimiter=";")
    add("decimal commas of one digit (a tie)", beside(chosen("1,1", "1,2", "2,2"), chosen("a", "b")), delimiter=";")
    add("decimal commas, tabs", commas, delimiter="\t")
    add("decimal commas, tabs, numbers only, no header", numbers(2, ","), delimiter="\t")
    add("decimal commas, quoted, commas", commas)
    add(
        "decimal commas and whole numbers",
        [["v", "a"], ["0,435", "2,87"], ["1,286", "4"], ["0,118", "2,059"]],
        delimiter=";",
    )
    add(
        "thousands, quoted, commas",
        [["area", "price"], *([f"{draw.randint(1, 99)},{draw.randint(100, 999)}", number()] for _ in range(ROWS))],
    )
    add("labels with commas, tabs, no header", beside(column(), chosen("a, b, c", "d, e, f")), delimiter="\t")
    text = [["x", "label"], *beside(column(), chosen("a, b, c", "d, e, f"))]
    add("labels with commas, tabs, no quotes", text, "".join(f"{x}\t{label}\n" for x, label in text))
    add("labels with commas, semicolons, no quotes", text, "".join(f"{x};{label}\n" for x, label in text))
    add("labels with commas, quoted, commas", text)
    add(
        "labels with semicolons, commas",
        [["x", "label"], *beside(column(), chosen("a;b", "c;d", "e;f"))],
    )
    add(
        "labels with the delimiter, semicolons",
        [["x", "label"], *beside(column(), chosen("a;b", "c;d"))],
        delimiter=";",
    )
    add("labels quoted by apostrophes", text, quote="'")
    add("apostrophes in labels", [["x", "label"], *beside(column(), chosen("it's", "isn't", "o'clock"))])
    add("quotes in labels", [["x", "label"], *beside(column(), chosen('5" disk', 'say ""hi"" , he', "none"))])
    add("line ends in labels", [["x", "label"], *beside(column(), chosen("one\ntwo", "three"))])
    everything = [["x", "y", "label"], *beside(column(), column(), chosen("a b", "c"))]
    files["everything quoted"] = (written(everything, everything=True), everything)
    files["everything quoted, semicolons"] = (written(everything, ";", everything=True), everything)
    lists = [
        ["id", "flag", "lists", "label"],
        *beside(column(), chosen("True", "False"), chosen("['345']", "['112', '112']"), chosen("u", "v")),
    ]
    add("lists in cells, semicolons (cpython#119123)", lists, "".join(";".join(row) + "\n" for row in lists))
    sentences = chosen("the quick brown fox", "a lazy dog, asleep", "so it goes")
    add("sentences, tabs (cpython#97611)", [["text", "label"], *beside(sentences, chosen("a", "b"))], delimiter="\t")
    add("sentences, commas", [["text", "label"], *beside(sentences, chosen("a", "b"))])
    days = [f"2024-01-{day % 28 + 1:02} 10:{day % 60:02}:00" for day in range(ROWS)]
    add("dates and times", [["time", "x", "label"], *beside(days, column(), chosen("a", "b"))])
    add(
        "dates with dots, semicolons",
        [["day", "x"], *([f"{i % 28 + 1:02}.01.2024", number(",")] for i in range(ROWS))],
        delimiter=";",
    )
    add("header of numbers", [["400", "402", "404"], *numbers(3)])
    add("header with spaces", [["city tier", "3 year rate", "lost sales"], *numbers(3)])
    add("header with commas, quoted, semicolons", [["width, mm", "height, mm"], *numbers(2, ",")], delimiter=";")
    add("unnamed index column", [["", "x", "y"], *([str(i), number(), number()] for i in range(ROWS))])
    add(
        "one-hot targets",
        [
            ["x", "a", "b", "c"],
            *([number(), *draw.choice([["1", "0", "0"], ["0", "1", "0"], ["0", "0", "1"]])] for _ in range(ROWS)),
        ],
    )
    add("whole numbers", [[str(draw.randint(0, 9)) for _ in range(4)] for _ in range(ROWS)])
    add("colours", [["colour", "x"], *beside(chosen("#ff0000", "#00ff00"), column())])
    add("missing cells", [["x", "y", "z"], *([number(), draw.choice(["", number()]), number()] for _ in range(ROWS))])
    add("one column", [["x"], *numbers(1)])
    add("two lines", [["x", "y"], ["1", "2"]])
    add("three lines, semicolons", [["1,5", "2"], ["2,5", "1"], ["3,5", "2"]], delimiter=";")
    add("one column of labels with spaces", [["label"], *([label] for label in chosen("big dog", "big cat"))])
    add("spaces after commas", three, "".join(", ".join(row) + "\n" for row in three))
    add("blank last lines", three, written(three) + "\n\n  \n")
    add("a blank line in the midst", three, written(three[:9]) + "\n" + written(three[9:]))
    add("a delimiter ends every line", [[*row, ""] for row in three])
    add("Windows' line ends", three, end="\r\n")
    add("old line ends", three, end="\r")
    add("byte order mark", three, b"\xef\xbb\xbf" + written(three).encode())
    add("byte order mark, UTF-16, tabs", three, written(three, "\t").encode("utf-16"))
    add("sep=; and decimal commas", commas, "sep=;\n" + written(commas, ";"))
    add("comments before the header", three, "# made by hand\n# x, y: mm; label: by eye\n" + written(three))
    add("a title before the header", three, "Table 1\n\n" + written(three))
    latin = [["größe", "farbe"], *beside(column(","), chosen("grün", "weiß"))]
    add("Latin-1", latin, written(latin, ";").encode("latin-1"))
    return {name: (text.encode() if isinstance(text, str) else text, rows) for name, (text, rows) in files.items()}


def decoded(content: bytes) -> str:
    """Return the text, as a user of a library that reads text would."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def by_accumbens(path: Path) -> Cells:
    from accumbens.delimited.cells import read_cells

    return read_cells(path).rows


def by_standard_library(path: Path) -> Cells:
    text = decoded(path.read_bytes())
    return list(csv.reader(io.StringIO(text, newline=""), csv.Sniffer().sniff(text, ",;\t| ")))


def by_clevercsv(path: Path) -> Cells:
    import clevercsv

    text = decoded(path.read_bytes())
    dialect = clevercsv.Sniffer().sniff(text)
    if dialect is None:
        raise ValueError("no dialect found")
    return list(clevercsv.reader(io.StringIO(text, newline=""), dialect))


def by_duckdb(path: Path) -> Cells:
    import duckdb

    file = path.with_suffix(".utf8")
    file.write_text(decoded(path.read_bytes()), encoding="utf-8", newline="")
    with duckdb.connect() as connection:
        found = connection.execute("FROM sniff_csv(?)", [str(file)])
        names = [column[0] for column in found.description]
        how = dict(zip(names, found.fetchone(), strict=True))
        rows = connection.execute(
            "FROM read_csv(?, header=false, all_varchar=true, delim=?, quote=?, escape=?, skip=?, comment=?)",
            [
                str(file),
                *(
                    how[name].replace("(empty)", "").replace("\\0", "") if isinstance(how[name], str) else how[name]
                    for name in ("Delimiter", "Quote", "Escape", "SkipRows", "Comment")
                ),
            ],
        ).fetchall()
    return [["" if cell is None else str(cell) for cell in row] for row in rows]


def by_pandas(path: Path) -> Cells:
    import pandas

    text = io.StringIO(decoded(path.read_bytes()), newline="")
    frame = pandas.read_csv(text, sep=None, engine="python", header=None, dtype=str, keep_default_na=False)
    return frame.fillna("").to_numpy().tolist()


def by_polars(path: Path) -> Cells:
    import polars

    frame = polars.read_csv(decoded(path.read_bytes()).encode(), has_header=False, infer_schema=False)
    return [["" if cell is None else cell for cell in row] for row in frame.rows()]


READERS: dict[str, Callable[[Path], Cells]] = {
    "accumbens": by_accumbens,
    "csv.Sniffer": by_standard_library,
    "clevercsv": by_clevercsv,
    "duckdb": by_duckdb,
    "pandas": by_pandas,
    "polars": by_polars,
}


def main() -> None:
    files, table = corpus(), []
    with tempfile.TemporaryDirectory() as folder:
        for name, (content, cells) in files.items():
            path = Path(folder) / "a.csv"
            path.write_bytes(content)
            row = {"file": name}
            for reader, read in READERS.items():
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        found = read(path)
                except ImportError:
                    raise  # a library is missing here
                except Exception:
                    row[reader] = "refused"
                    continue
                found = [[cell.strip() for cell in line] for line in found if any(cell.strip() for cell in line)]
                without_last = [line[:-1] for line in cells]  # a column that only a delimiter at lines' ends makes
                same = found == cells or (not any(line[-1] for line in cells) and found == without_last)
                row[reader] = "right" if same else "wrong"
            table.append(row)
    write_table(RESULTS, table)
    for row in table:
        print(f"{row['file']:<52}" + "".join(f"{row[reader][:9]:<10}" for reader in READERS))
    for reader in READERS:
        counts = [sum(row[reader] == said for row in table) for said in ("right", "wrong", "refused")]
        print(f"{reader:<28}{counts[0]:>3} right {counts[1]:>3} wrong {counts[2]:>3} refused, of {len(table)}")


if __name__ == "__main__":
    main()
