"""Files that are written whole or not at all."""

import os
import sys

import pytest

from accumbens.writing import complete, write_atomically


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_file_is_there_when_it_is_complete(tmp_path):
    path = tmp_path / "a.csv"
    for text in ("first\n", "second\r\n"):
        before = path.read_bytes() if path.exists() else None
        with complete(path) as unfinished:
            unfinished.write_bytes(text.encode())
            assert set(tmp_path.glob("*.csv")) <= {path}  # who looks for tables sees none that is half
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == text.encode()
    assert names(tmp_path) == {"a.csv"}


@pytest.mark.parametrize("there", [True, False])
def test_of_what_is_not_finished_nothing_is_left(tmp_path, there):
    path = tmp_path / "a.csv"
    if there:
        write_atomically(path, "kept")

    def stop(unfinished):
        unfinished.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), complete(path) as unfinished:
        stop(unfinished)
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half \ud800")
    assert names(tmp_path) == ({"a.csv"} if there else set())
    assert not there or path.read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there, and there are no such pipes")
def test_links_and_pipes_are_written_to_and_not_replaced(tmp_path):
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    (tmp_path / "far").mkdir()
    link.symlink_to("far/t.csv")
    for text in ("first", "second"):
        write_atomically(link, text)
        assert (link.is_symlink(), (tmp_path / "far" / "t.csv").read_text()) == (True, text)
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # a pipe keeps what is written until it is read
    try:
        write_atomically(pipe, "a\n")
        assert os.read(end, 100) == b"a\n"
    finally:
        os.close(end)
    assert names(tmp_path) == {"link", "pipe", "far", "far/t.csv"}
    assert pipe.is_fifo()
