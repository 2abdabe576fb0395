import json
import pickle

import pytest

from accumbens import td
from accumbens.errors import AccumbensError, UnknownNameError, users_code, users_place


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


def of_mine(call=None):
    if call:
        call()
    raise KeyError("mine")  # the line that is shown


def test_what_the_users_code_raises_is_told_with_its_file_and_line():
    with pytest.raises(AccumbensError) as told, users_code("it does not work"):
        of_mine()
    line = of_mine.__code__.co_firstlineno + 3
    shown = f'  {__file__}, line {line}, in of_mine\n    raise KeyError("mine")  # the line that is shown'
    assert str(told.value) == f"it does not work: KeyError: 'mine'\n{shown}"


def test_the_line_of_the_users_is_shown_that_called_a_library_or_us():
    for call, line in ((lambda: json.loads("{"), "json.loads"), (lambda: td.no_such_name, "td.no_such_name")):
        with pytest.raises(AccumbensError, match=f"Error: .*\n.*, in <lambda>\n.*{line}"), users_code("it fails"):
            of_mine(call)


def test_the_line_is_found_behind_an_error_that_a_library_raised_from_it():
    with pytest.raises(KeyError) as e:
        of_mine()
    raised = TypeError("as Gymnasium raises of what its environments raised")
    raised.__cause__ = e.value
    assert ", in of_mine\n" in users_place(raised)


def test_what_passes_no_line_of_the_users_is_ours_and_keeps_its_traceback():
    with pytest.raises(json.JSONDecodeError) as e:
        json.loads("{")
    ours = e.value.with_traceback(e.tb.tb_next)
    assert users_place(ours) == ""
    said = AccumbensError("said already")
    with pytest.raises(AccumbensError, match=r"^said already$"), users_code("it does not work", of_mine):
        raise said


def test_a_call_that_does_not_suit_names_what_was_called():
    error = TypeError("of_mine() takes from 0 to 1 positional arguments but 2 were given")
    first = of_mine.__code__.co_firstlineno
    place = f"\n  {__file__}, line {first}, in of_mine\n    def of_mine(call=None):"
    assert users_place(error, of_mine) == place
    assert users_place(error, len) == ""
