"""Pushing to the Hugging Face Hub and back, against a stand-in on this machine: nothing here leaves it."""

import importlib.util
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants

import accumbens
from accumbens.cli.main import main
from accumbens.errors import AccumbensError
from accumbens.share import hub

_spec = importlib.util.spec_from_file_location("stand_in", Path(__file__).with_name("stand_in.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
stand_in, TOKEN = _module.stand_in, _module.TOKEN

# How huggingface_hub uses its HTTP client when it uploads through LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch, tmp_path):
    """No address but this machine's, no token and no cache of the user's."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@pytest.fixture(params=["regular", "lfs"])
def server(request, monkeypatch):
    with stand_in(large=("weights.safetensors", "curve.png") if request.param == "lfs" else ()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield server


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_folder_here_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "somebody").mkdir()
    with pytest.raises(AccumbensError, match="somebody/agent does not exist: expected a folder"):
        accumbens.load("somebody/agent")


def test_there_and_back(server, exported, capfd):
    url = hub.push(exported, "somebody/agent")
    assert url == f"{server.url}/somebody/agent/commit/{1:040x}"
    files = dict(server.repositories["somebody/agent"])
    del files[".gitattributes"]
    assert files == contents(exported)
    assert server.commits == ["An agent trained with accumbens"]
    assert len(server.objects) == len(server.large)
    assert not server.private
    assert capfd.readouterr().err == ""  # no bars of huggingface_hub

    observation = np.ones(4, np.float32)
    for name in ("hf://somebody/agent", "somebody/agent"):
        values = accumbens.load(name).values(observation)
        np.testing.assert_array_equal(values, accumbens.load(exported).values(observation))
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "hf://somebody/agent", "--num-episodes", "1", "--epsilon", "0", "--json"])
    assert end.value.code == 0
    fetched = {line.rpartition("/")[2] for line in server.asked if "/resolve/" in line}
    assert fetched == {"agent.toml", "config.toml", "weights.safetensors"}  # no pictures


def test_networks_there_and_back(server, exported_network):
    hub.push(exported_network, "somebody/network")
    assert server.commits == ["A network trained with accumbens"]
    network, x = accumbens.load("hf://somebody/network"), np.ones((3, 64))
    np.testing.assert_array_equal(network.predict(x), accumbens.load(exported_network).predict(x))
    fetched = {line.rpartition("/")[2] for line in server.asked if "/resolve/" in line}
    assert fetched == {"network.toml", "config.toml", "weights.safetensors"}


def test_what_is_there_is_not_replaced_unasked(server, exported):
    server.repositories["somebody/agent"] = {".gitattributes": b"", "README.md": b"of another agent"}
    with pytest.raises(AccumbensError, match=r"somebody/agent holds 1 file\(s\) already, such as README.md: choose"):
        hub.push(exported, "somebody/agent")
    assert server.repositories["somebody/agent"]["README.md"] == b"of another agent"
    hub.push(exported, "somebody/agent", update=True, private=True)
    assert server.repositories["somebody/agent"]["README.md"] == (exported / "README.md").read_bytes()


def test_the_command(server, run, tmp_path, capsys):
    words = ["--push", "somebody/agent", "--private", "--without-video", "-o", str(tmp_path / "agent")]
    with pytest.raises(SystemExit) as end:
        main(["export", str(run.path), *words])
    assert end.value.code == 0
    assert f"pushed: {server.url}/somebody/agent/commit/" in capsys.readouterr().out
    assert server.private == {"somebody/agent"}
    assert b'accumbens.load("hf://somebody/agent")' in server.repositories["somebody/agent"]["README.md"]


def test_a_token_that_is_refused(server, exported, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    with pytest.raises(AccumbensError, match=r"cannot push to somebody/agent: .*Invalid username or password"):
        hub.push(exported, "somebody/agent")
    assert not server.repositories


def test_what_the_hub_does_not_have(server, exported):
    with pytest.raises(AccumbensError, match=r"cannot fetch hf://somebody/nothing: .*not found"):
        accumbens.load("hf://somebody/nothing")
    hub.push(exported, "somebody/agent")
    with pytest.raises(AccumbensError, match=r"cannot fetch hf://somebody/agent@other: .*Invalid rev id"):
        accumbens.load("hf://somebody/agent@other")
    server.repositories["somebody/empty"] = {"README.md": b""}
    with pytest.raises(AccumbensError, match=r"agent.toml"):
        accumbens.load("hf://somebody/empty")


def test_without_a_token_nothing_is_made(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["export", str(run.path), "--push", "somebody/agent", "-o", str(tmp_path / "agent")])
    assert end.value.code == 2
    assert "error: there is no token for the Hugging Face Hub: log in with 'hf auth login'" in capsys.readouterr().err
    assert not (tmp_path / "agent").exists()


def test_the_hub_cannot_be_reached(exported, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(AccumbensError, match="cannot push to somebody/agent: "):
        hub.push(exported, "somebody/agent")
    with pytest.raises(AccumbensError, match="cannot fetch hf://somebody/agent: "):
        accumbens.load("hf://somebody/agent")


@pytest.mark.parametrize("name", ["somebody", "a/b/c", "", "../x", "a/..b c"])
def test_names_that_are_none(name):
    with pytest.raises(AccumbensError, match="cannot be used: expected"):
        accumbens.load(f"hf://{name}")


def test_huggingface_hub_is_not_installed(exported, monkeypatch):
    assert huggingface_hub
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(AccumbensError, match="needs huggingface_hub, which is not installed"):
        hub.push(exported, "somebody/agent")
