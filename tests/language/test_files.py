"""Folders as Hugging Face's transformers and PEFT write them, against what they compute from them."""

import dataclasses
import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from accumbens.errors import AccumbensError
from accumbens.language import LoraSettings, load_language_model, make_transformer, with_lora
from accumbens.language.adapters import read_adapters, write_adapters
from accumbens.language.hugging_face import read_settings, read_transformer, write_transformer

from .conftest import SMALL, sharpened

RECORDED = Path(__file__).parent.parent / "oracle" / "llama"


@pytest.fixture(scope="module")
def recorded():
    return np.load(RECORDED / "logits.npz")


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(RECORDED, tmp_path / "llama", copy_function=shutil.copy)


def says(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value != "nothing"}))


@pytest.mark.parametrize("folder", ["tied", "untied"])
def test_logits_are_those_of_transformers(folder, recorded, logits_of):
    model = read_transformer(RECORDED / folder)
    assert (model.output is None) == (folder == "tied")
    found = logits_of(model, jnp.asarray(recorded["tokens"]))
    np.testing.assert_allclose(found, recorded[folder], rtol=1e-4, atol=1e-4)


def test_logits_are_those_of_peft(recorded, logits_of):
    model = read_adapters(RECORDED / "adapters", read_transformer(RECORDED / "tied"))
    found = logits_of(model, jnp.asarray(recorded["tokens"]))
    np.testing.assert_allclose(found, recorded["adapters"], rtol=1e-4, atol=1e-4)
    assert not np.allclose(recorded["tied"], recorded["adapters"], atol=0.1)


@pytest.mark.parametrize("tied", [True, False])
def test_a_written_model_is_read_again(tied, tmp_path):
    model = sharpened(make_transformer(dataclasses.replace(SMALL, tied=tied), key=jax.random.key(3)))
    write_transformer(tmp_path / "model", model, end=0)
    again = read_transformer(tmp_path / "model")
    assert again.settings == model.settings
    assert eqx.tree_equal(again, model)


def test_a_folder_is_written_as_transformers_writes_it(tmp_path, recorded):
    model = read_transformer(RECORDED / "tied")
    write_transformer(tmp_path, model, end=0)
    ours, theirs = ((folder / "model.safetensors").read_bytes() for folder in (tmp_path, RECORDED / "tied"))
    assert ours == theirs
    assert read_settings(tmp_path) == read_settings(RECORDED / "tied")


def test_corrections_are_written_and_read_again(tmp_path, small):
    model = sharpened(with_lora(small, LoraSettings(2, 5.0, ("o", "gate", "down")), key=jax.random.key(0)))
    write_adapters(tmp_path / "adapters", model, base="small")
    again = read_adapters(tmp_path / "adapters", small)
    for block, read in zip(model.blocks, again.blocks, strict=True):
        for name in ("o", "gate", "down"):
            here, there = getattr(block, name), getattr(read, name)
            assert here.scale == there.scale == 2.5
            np.testing.assert_array_equal(here.A, there.A)
            np.testing.assert_array_equal(here.B, there.B)
    with pytest.raises(AccumbensError, match="no low-rank corrections to write"):
        write_adapters(tmp_path, small)


def test_corrections_are_written_as_peft_writes_them(tmp_path):
    write_adapters(tmp_path, read_adapters(RECORDED / "adapters", read_transformer(RECORDED / "tied")))
    ours, theirs = ((folder / "adapter_model.safetensors").read_bytes() for folder in (tmp_path, RECORDED / "adapters"))
    assert ours == theirs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "says model_type='gpt2'; only 'llama' can be read"),
        ({"attention_bias": True}, "says attention_bias=True"),
        ({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0}}, "says rope_type='llama3'"),
        ({"hidden_size": "nothing"}, "does not say hidden_size"),
        ({"num_key_value_heads": 4}, "key_value_heads=4 cannot be used"),
        ({"hidden_size": 25}, r"embed_tokens.weight is \[23, 24\] and not \[23, 25\], as config.json says"),
        ({"num_hidden_layers": 3}, "has no model.layers.2"),
    ],
)
def test_a_folder_of_another_model_is_refused(changes, message, copied):
    says(copied / "tied" / "config.json", **changes)
    with pytest.raises(AccumbensError, match=message):
        read_transformer(copied / "tied")


def test_a_folder_that_lacks_something_is_refused(copied):
    with pytest.raises(AccumbensError, match=r"tokenizer\.json is not there; it holds the tokenizer"):
        load_language_model(copied / "tied")
    says(copied / "tied" / "config.json", eos_token_id=None)
    with pytest.raises(AccumbensError, match="says eos_token_id=None, where the token that ends a text is needed"):
        load_language_model(copied / "tied")
    (copied / "untied" / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(AccumbensError, match=r"model-00001-of-00002.safetensors is not there"):
        read_transformer(copied / "untied")
    (copied / "tied" / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(AccumbensError, match="or is damaged"):
        read_transformer(copied / "tied")
    (copied / "tied" / "config.json").write_text("{")
    with pytest.raises(AccumbensError, match=r"config.json is damaged"):
        read_transformer(copied / "tied")
    with pytest.raises(AccumbensError, match=r"config.json is not there"):
        read_transformer(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "IA3"}, "says peft_type='IA3'; only 'LORA' can be read"),
        ({"use_dora": True}, "says use_dora=True"),
        ({"rank_pattern": {"q_proj": 2}}, "says rank_pattern="),
        ({"target_modules": ["q_proj", "lm_head"]}, "some of q_proj, k_proj, v_proj"),
        ({"target_modules": "all-linear"}, "says target_modules='all-linear'"),
        ({"target_modules": ["q_proj"]}, "does not fit the model: nothing in it is called .*v_proj"),
        ({"target_modules": ["q_proj", "v_proj", "o_proj"]}, "o_proj.lora_A.weight is missing"),
        ({"r": 4}, r"lora_A.weight is \[3, 24\] and not \[4, 24\]"),
        ({"r": "nothing"}, "does not say r"),
        ({"r": 0}, "rank=0 cannot be used"),
    ],
)
def test_corrections_of_another_kind_are_refused(changes, message, copied):
    says(copied / "adapters" / "adapter_config.json", **changes)
    with pytest.raises(AccumbensError, match=message):
        read_adapters(copied / "adapters", read_transformer(copied / "tied"))


def test_damaged_corrections_are_refused(copied):
    model = read_transformer(copied / "tied")
    file = copied / "adapters" / "adapter_model.safetensors"
    file.write_bytes(b"damaged")
    with pytest.raises(AccumbensError, match="is not a file of safetensors"):
        read_adapters(copied / "adapters", model)
    file.unlink()
    with pytest.raises(AccumbensError, match="is not there; it holds the corrections"):
        read_adapters(copied / "adapters", model)
