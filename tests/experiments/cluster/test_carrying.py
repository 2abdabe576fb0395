"""Folders of runs are at the receiver's what they are at the sender's, whenever that is cut short."""

import pytest

from accumbens.experiments.cluster.carrying import Moved, Sender, receive

STAYS = Moved("/a", "/a")


def contents(folder):
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "run"
    for name in ("checkpoints/1.ckpt", "snapshots/0.safetensors", "metrics.csv", "meta.json"):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    return path


def test_only_what_changed_is_sent(run, tmp_path):
    sender, there = Sender(run, STAYS), tmp_path / "there" / "run"
    receive(there, sender.parcel())
    assert contents(there) == contents(run)
    (run / "checkpoints/2.ckpt").write_text("newer")
    (run / "checkpoints/1.ckpt").unlink()
    (run / "metrics.csv").write_text("more rows")
    parcel = sender.parcel()
    assert set(parcel.written) == {"checkpoints/2.ckpt", "metrics.csv"}
    receive(there, parcel)
    assert contents(there) == contents(run)
    assert sender.parcel().written == {}


def test_locks_and_what_is_half_written_stay(run):
    for name in (".lock", "checkpoints/3.ckpt.tmp"):
        (run / name).write_text("")
    assert Sender(run, STAYS).parcel().there == {
        "checkpoints/1.ckpt",
        "snapshots/0.safetensors",
        "metrics.csv",
        "meta.json",
    }


def test_a_file_of_the_users_is_left_alone(run, tmp_path):
    sender, there = Sender(run, STAYS), tmp_path / "there"
    receive(there, sender.parcel())
    (there / "notes.txt").write_text("mine")
    receive(there, sender.parcel())
    assert (there / "notes.txt").read_text() == "mine"


def test_paths_in_the_runs_description_are_moved_there_and_back(run, tmp_path):
    text = '{"run": "/home/me/runs/a", "command": "accumbens /home/me", "other": "/elsewhere"}'
    (run / "meta.json").write_text(text)
    there, back = tmp_path / "there", tmp_path / "back"
    receive(there, Sender(run, Moved("/home/me/", "/tmp/own/")).parcel())
    assert '"run": "/tmp/own/runs/a"' in (there / "meta.json").read_text()
    assert '"command": "accumbens /home/me", "other": "/elsewhere"' in (there / "meta.json").read_text()
    receive(back, Sender(there, Moved("/tmp/own/", "/home/me/")).parcel())
    assert (back / "meta.json").read_text() == text


@pytest.mark.parametrize("after", range(4))
def test_cut_short_a_checkpoint_never_comes_before_its_table(run, tmp_path, monkeypatch, after):
    """Files are replaced one by one: tables, then checkpoints, then what says that the run is over."""
    there = tmp_path / "there"
    sender = Sender(run, STAYS)
    receive(there, sender.parcel())
    (run / "checkpoints/2.ckpt").write_text("newer")
    (run / "metrics.csv").write_text("more rows")
    (run / "meta.json").write_text("over")
    parcel, written = sender.parcel(), []

    replace = type(run).replace

    def replaced(path, target):
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(target.name)
        return replace(path, target)

    monkeypatch.setattr(type(run), "replace", replaced)
    if after < 3:
        with pytest.raises(KeyboardInterrupt):
            receive(there, parcel)
    else:
        receive(there, parcel)
    assert written == ["metrics.csv", "2.ckpt", "meta.json"][:after]


def test_a_new_run_appears_whole_or_not_at_all(run, tmp_path, monkeypatch):
    def fails(path, target):
        raise OSError("disk full")

    monkeypatch.setattr(type(run), "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        receive(tmp_path / "there" / "run", Sender(run, STAYS).parcel())
    assert list((tmp_path / "there").iterdir()) == []
