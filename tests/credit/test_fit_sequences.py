"""A fit to sequences as a whole: what is evaluated, the same again after a power cut, and a seed alone."""

import math

import numpy as np
import pytest

from accumbens.credit.config import resolve_fit
from accumbens.credit.kind import FITS
from accumbens.runs import launch
from accumbens.runs.directory import RunDirectory
from accumbens.runs.tables import read_table

SMALL = {"delay": "2", "recalled": "1", "alphabet": "2", "held_out": "4", "longer": "5", "updates": "6"}


def config_of(seed=4, seeds=2):
    changes = SMALL | {"batch_size": "3", "learning_rate": "0.01"}
    return resolve_fit("copying", "rtrl", layers=(3,), seed=seed, seeds=seeds, evaluations=3, changes=changes)


def without_time(path):
    rows = read_table(path / "metrics.csv")
    for row in rows:
        del row["wall_seconds"]
    return rows


def newest_checkpoint(path):
    return max((path / "checkpoints").glob("*.ckpt")).read_bytes()


class PowerCutError(Exception):
    pass


class Silent:
    """A reporter that says nothing, and may stop the fit at an evaluation, as a power cut would."""

    def __init__(self, stop=None):
        self.stop = stop

    def preparing(self, kind, config, run): ...

    def projected(self, *numbers): ...

    def start(self, *numbers): ...

    def progress(self, *numbers): ...

    def message(self, text): ...

    def evaluated(self, step, rows):
        if step == self.stop:
            raise PowerCutError


def fitted(folder, config, reporter=None, **options):
    launch.start(FITS, config, reporter or Silent(), out=folder, name="a", **options)
    return folder / "copying" / "rtrl" / "a"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("sequences"), config_of())


def test_every_length_is_evaluated_and_the_rule_is_exact(whole):
    rows = without_time(whole)
    assert [(row["seed"], row["step"]) for row in rows] == [(s, t) for t in ("0", "2", "4", "6") for s in ("4", "5")]
    for row in rows:
        assert {"valid_accuracy", "test_accuracy", "test_5_accuracy", "test_5_loss"} <= set(row)
        assert all(math.isfinite(float(row[name])) for name in row if name.startswith("test"))
        assert float(row["angle_1"]) < 0.1
        assert float(row["angle_2"]) < 0.1
        assert float(row["sign_agreement_1"]) == pytest.approx(1, abs=0.05)


def test_what_a_power_cut_left_is_continued_to_the_bit(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(RunDirectory, "remove", lambda run: None)
    with pytest.raises(PowerCutError):
        fitted(tmp_path, config_of(), Silent(stop=4), checkpoint_seconds=0.0)
    path = tmp_path / "copying" / "rtrl" / "a"
    assert FITS.recorded(RunDirectory(path)) is None
    launch.resume(FITS, path, Silent())
    assert without_time(path) == without_time(whole)
    assert newest_checkpoint(path) == newest_checkpoint(whole)


def test_a_seed_alone_is_the_seed_among_others(whole, tmp_path):
    alone = without_time(fitted(tmp_path, config_of(5, 1)))
    among = [row for row in without_time(whole) if row["seed"] == "5"]
    for one, other in zip(alone, among, strict=True):
        for name in one:
            np.testing.assert_allclose(float(one[name]), float(other[name]), rtol=1e-4, atol=0.05, err_msg=name)


def test_a_network_that_moves_a_hand_records_its_feedback_weights(tmp_path, monkeypatch):
    changes = {"updates": "4", "batch_size": "2"}
    config = resolve_fit("reach", "backprop-through-time", layers=(3,), seeds=2, evaluations=2, changes=changes)
    launch.start(FITS, config, Silent(), out=tmp_path, name="a")
    path = tmp_path / "reach" / "backprop-through-time" / "a"
    for row in read_table(path / "metrics.csv"):
        units, readout = FITS.sharing.load(path, int(row["seed"]), int(row["step"])).network.layers
        sent_back = (readout.weight @ units.W_rec).T
        W_fb = units.feedback.weight
        expected = (W_fb * sent_back).sum() / np.linalg.norm(W_fb) / np.linalg.norm(sent_back)
        assert float(row["feedback_cosine"]) == pytest.approx(float(expected), rel=1e-5)
