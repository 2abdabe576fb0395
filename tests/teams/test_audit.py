"""The audit of teams: what it says of every method, and that it notices what leaks."""

import dataclasses
import functools

import numpy as np
import pytest

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.teams.audit import CONTEXT, audit_team, small_facts, small_settings
from accumbens.teams.audit_words import contradictions, told
from accumbens.teams.config import resolve_team_config
from accumbens.teams.kind import TEAMS
from accumbens.teams.methods import METHODS
from accumbens.teams.model import policies_of

FACTS = TeamFacts("team/two", ("a", "b"), 9, 6, 8, masks=True)
FEW = {"blocks": 1, "network": "mlp"}


def settings_of(algo, **changes):
    return dataclasses.replace(METHODS[algo].settings, **changes)


@pytest.fixture(scope="module")
def found():
    """`found(algo, changes, measured)`: audits, each made once."""

    @functools.cache
    def audited(algo, changes=(), measured=False):
        return audit_team(settings_of(algo, **dict(changes)), FACTS, measured)

    return audited


@pytest.mark.parametrize("algo", METHODS)
def test_who_acts_on_what_whom_sees(algo, found):
    of = found(algo)
    everything = np.ones((2, 2), bool)
    np.testing.assert_array_equal(of.acting, everything if algo == "teacher" else np.eye(2, dtype=bool))
    audit = told(of)
    assert audit.holds
    assert audit.details["decentralised"] == (algo != "teacher")
    first = "Centralised, as it says" if algo == "teacher" else "Decentralised, proven"
    assert audit.verdict[0].startswith(first)
    assert audit.document()["holds"]


def test_layers_proven(found):
    local, twin = found("local-idt"), found("idt", (("readouts", "every"),))
    np.testing.assert_array_equal(local.layers.proven, np.eye(2, dtype=bool))
    np.testing.assert_array_equal(twin.layers.proven, np.tril(np.ones((2, 2), bool)))
    assert (told(local).local, told(twin).local) == (True, False)
    assert "Local, proven" in " ".join(told(local).verdict)
    assert "Backprop, as it says" in " ".join(told(twin).verdict)
    for of in (local, twin):
        np.testing.assert_array_equal(of.layers.agents, np.eye(2, dtype=bool))
        np.testing.assert_array_equal(of.layers.steps, np.eye(4, dtype=bool))
    assert found("madt").layers.agents is None


def test_students_measured(found):
    of = found("distilled", tuple((FEW | {"feature": 0.5}).items()), True)
    own, everything = np.eye(2, dtype=bool), np.ones((2, 2), bool)
    np.testing.assert_array_equal(of.jacobian > 0, own)
    assert of.future == ()
    expected = {
        "actions of the data": (own, own),
        "actions of the teacher": (everything, own),
        "relation of features": (everything, everything),
        "features of the teacher": (everything, own),
    }
    assert set(of.learning) == set(expected)
    for name, (data, networks) in expected.items():
        np.testing.assert_array_equal(of.learning[name].data, data)
        np.testing.assert_array_equal(of.learning[name].networks, networks)
    sentences = " ".join(told(of).verdict)
    assert "by a teacher that sees all: actions of the teacher, relation of features and features" in sentences
    assert "relation of features reads the features of other students; an angle moves those of both" in sentences


def test_local_credit_measured(found):
    of = found("local-idt", (("network", "mlp"),), True)
    np.testing.assert_array_equal(of.layers.jacobian > 0, np.eye(2, dtype=bool))
    audit = told(of)
    assert audit.holds
    assert audit.local
    assert "no agent is told anything of another" in audit.verdict[-1]
    assert len(audit.tables) == 3


class Leaking:
    """Policies in which something reaches an agent that should not."""

    def __init__(self, settings, leak):
        self.whole = policies_of(small_settings(settings), small_facts(FACTS))
        self.leak = leak

    def policies(self):
        return self.whole._replace(read=lambda networks, window: self.whole.read(networks, self.leak(window)))


def of_others(window):
    mean = window.observation.mean(axis=1, keepdims=True)
    return window._replace(observation=window.observation + 0.1 * mean)


def what_others_did(window):
    return window._replace(before=window.before[:, ::-1])


def of_later(window):
    return window._replace(observation=window.observation + 0.1 * window.observation[::-1])


@pytest.mark.parametrize("leak", [of_others, what_others_did])
def test_a_policy_that_leaks_is_caught(leak):
    settings = settings_of("idt", **FEW)
    of = audit_team(settings, FACTS, False, Leaking(settings, leak).policies())
    assert of.acting.all() if leak is of_others else of.acting[0, 1]
    audit = told(of)
    assert not audit.holds
    assert audit.verdict[0].startswith("NOT decentralised, although it claims to be: the action of a depends on what b")


def test_the_future_is_caught():
    settings = settings_of("idt", **FEW)
    audit = told(audit_team(settings, FACTS, True, Leaking(settings, of_later).policies()))
    assert not audit.holds
    assert "a and b does depends on LATER steps" in " ".join(audit.verdict)
    assert audit.details["future"] == ["a", "b"]


def test_local_credit_that_is_not_is_caught():
    """The networks of the twin, under the name of local credit."""
    settings = settings_of("local-idt", network="mlp")
    twin = policies_of(dataclasses.replace(small_settings(settings), credit="backprop"), small_facts(FACTS))
    audit = told(audit_team(settings, FACTS, False, twin))
    assert (audit.holds, audit.local) == (False, False)
    assert "NOT local, although it claims to be: the loss of layer 2 reaches layer 1." in audit.verdict


def test_an_audit_that_contradicts_itself_says_so(found):
    of = found("local-idt", (("network", "mlp"),), True)
    wrong = of._replace(acting=np.zeros((2, 2), bool))
    assert contradictions(wrong)[0] == "what a does has a derivative by what a is told"
    assert "a fault of accumbens" in told(wrong).verdict[0]
    assert not told(wrong).holds


def test_the_size_of_what_is_audited():
    settings = small_settings(settings_of("distilled", width=512, context=50, heads=8))
    assert (settings.width, settings.context, settings.heads, settings.mapping_width) == (4, CONTEXT, 2, 3)
    assert small_facts(FACTS).agents == FACTS.agents


def test_by_way_of_the_kind():
    config = resolve_team_config("team/fill-in-2", "bc-mlp", data="random:1")
    audit = TEAMS.audit(config, False)
    assert audit.claim == "decentralised, backprop credit"
    assert audit.document()["agents"] == list(audit.details["agents"])
