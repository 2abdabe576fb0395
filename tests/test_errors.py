import pickle

import pytest

from accumbens.errors import AccumbensError, UnknownNameError


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("CartPol-v1", "unknown cell 'CartPol-v1'; did you mean 'CartPole-v1'? Run 'accumbens cells' to see all."),
        ("cartpole", "unknown cell 'cartpole'; did you mean 'CartPole-v1'? Run 'accumbens cells' to see all."),
        ("xyz", "unknown cell 'xyz'. Run 'accumbens cells' to see all."),
    ],
)
def test_unknown_name_offers_the_nearest_one(value, message):
    error = UnknownNameError("cell", value, ["CartPole-v1", "MountainCar-v0"], command="accumbens cells")
    assert str(error) == message
    assert isinstance(error, AccumbensError)


def test_unknown_name_lists_all_where_no_command_does():
    error = UnknownNameError("credit", "globl", ["local", "backprop"])
    assert str(error) == "unknown credit 'globl'; did you mean 'local'? Known: local, backprop."


def test_unknown_name_survives_pickling():
    error = UnknownNameError("credit", "locl", ["local"])
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.value, copy.allowed) == (str(error), "locl", ["local"])
