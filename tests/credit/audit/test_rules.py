"""What the audit says of every registered rule: derived from its computation, compared with what its equations say."""

import dataclasses
import functools

import pytest

from accumbens.credit.audit import audit_named, to_document, verdict
from accumbens.credit.protocol import TaskFacts
from accumbens.credit.registry import RULES

IMAGES = TaskFacts("classification", 784, 10, (1, 28, 28))
NUMBERS = TaskFacts("regression", 13, 1)
SYMBOLS = TaskFacts("classification", 10, 10, steps=40)
SERIES = TaskFacts("regression", 2, 1, steps=50)
REACH = TaskFacts("regression", 8, 2, steps=125, controlled=True)

# Of three hidden layers: kind of learning, whose weights each layer reads, whose activity beside its input, and what it
# is told. The output layer is the fourth.
BACKPROP = ("weight-transport", [(2, 3, 4), (3, 4), (4,)], [(2, 3), (3,), ()], "vector")
BROADCAST = ("broadcast-vector", [(), (), ()], [(), (), ()], "vector")
SCALAR = ("scalar", [(), (), ()], [(), (), ()], "scalar")
EXPECTED = {
    "backprop": BACKPROP,
    "vectorised-backprop": BACKPROP,
    "straight-through": ("weight-transport", [(2, 3, 4), (3, 4), (4,)], [(), (), ()], "vector"),
    "straight-through-gated": BACKPROP,
    "feedback-alignment": ("feedback", [(), (), ()], [(2, 3), (3,), ()], "vector"),
    "direct-feedback-alignment": BROADCAST,
    "gevb": BROADCAST,
    "coagent": SCALAR,
    "coagent-action-value": SCALAR,
    "coagent-actor-critic": ("critics", [(), (), ()], [(2, 3), (3,), ()], "scalar"),
}


@functools.cache
def found(name, facts=IMAGES, layers=(64, 64, 64), **changes):
    settings = dataclasses.replace(RULES[name].settings, layers=layers, **changes)
    return audit_named(name, settings, facts, measured=False)


def test_it_is_known_of_every_rule_what_it_reads():
    assert {name for name, entry in RULES.items() if entry.sequences} == set(IN_TIME)
    assert set(RULES) == {*EXPECTED, *IN_TIME}


@pytest.mark.parametrize("facts", [IMAGES, NUMBERS], ids=["images", "numbers"])
@pytest.mark.parametrize("name", [name for name, entry in RULES.items() if not entry.sequences])
def test_every_rule_for_single_examples(name, facts):
    audit = found(name, facts)
    kind, weights, activity, error = EXPECTED[name]
    hidden = audit.rows[:-1]
    assert audit.can_tell
    assert audit.kind == kind
    assert [row.weights for row in hidden] == weights
    assert [row.activity for row in hidden] == activity
    assert {row.error for row in hidden} == {error}
    assert [row.input for row in audit.rows] == [(0,), (1,), (2,), (3,)]
    assert audit.rows[-1].weights == audit.rows[-1].activity == ()
    assert audit.crossings == []
    assert not any(row.elsewhere or row.noise for row in audit.rows)
    assert not any(memory.weights for memory in audit.memories)
    assert audit.time is None


# Of one recurrent layer and a readout, with 9 steps, blocks of 3: whose weights every layer reads, and how far back in
# time: the direction, the oldest that an error meets, and the oldest by way of states that were selected.
WHOLE, FORWARD = ("whole", 8, 0), ("forward", None, 0)
IN_TIME = {
    "backprop-through-time": ([(2,), ()], WHOLE),
    "truncated-backprop-through-time": ([(2,), ()], ("window", 3, 0)),
    "sparse-attentive-backtracking": ([(2, 3), (1, 3), ()], ("selected", 3, 8)),
    "rtrl": ([(2,), ()], FORWARD),
    "snap-1": ([(2,), ()], FORWARD),
    "e-prop": ([(2,), ()], FORWARD),
    "rflo": ([(), ()], FORWARD),
    "online-gradient": ([(2,), ()], ("whole", None, 0)),
}


def checked_in_time(name, audit):
    weights, (direction, reach, picked) = IN_TIME[name]
    assert audit.can_tell
    assert audit.loops
    assert [row.weights for row in audit.rows] == weights
    assert audit.kind == ("weight-transport" if any(weights) else "broadcast-vector")
    assert audit.rows[0].error == "vector"
    assert audit.crossings == []
    assert not any(row.elsewhere or row.noise for row in audit.rows)
    assert (audit.time.direction, audit.time.picked) == (direction, picked)
    assert audit.time.reach == reach or (reach is None and audit.time.reach <= 1)
    assert (audit.time.growth > 0) == (direction in ("whole", "selected"))


@pytest.mark.parametrize("facts", [SYMBOLS, SERIES], ids=["symbols", "series"])
@pytest.mark.parametrize("name", [name for name in IN_TIME if name not in ("rflo", "online-gradient")])
def test_every_rule_for_sequences(name, facts):
    checked_in_time(name, found(name, facts, layers=(64,)))


@pytest.mark.parametrize("name", ["rflo", "online-gradient"])
def test_every_rule_for_reaches(name):
    audit = found(name, REACH, layers=(64,))
    checked_in_time(name, audit)
    assert audit.rows[1].error == "none", "the readout does not learn"
    assert any(sentence.startswith("What layer 1 does is itself made of") for sentence in verdict(audit))


def test_reaching_with_the_exact_gradient_looks_back():
    audit = found("backprop-through-time", REACH, layers=(64,), units=None)
    assert (audit.time.direction, audit.time.reach) == ("whole", 8)
    assert audit.rows[0].weights == (2,)


@pytest.mark.parametrize("units", ["lstm", "gru", "simple", "diagonal"])
@pytest.mark.parametrize("name", ["snap-1", "e-prop"])
def test_online_rules_never_look_back_whatever_the_units(name, units):
    checked_in_time(name, found(name, SERIES, layers=(64,), units=units))


def test_signal_of_rflo_through_the_readout_is_weight_transport():
    audit = found("rflo", REACH, layers=(64,), signal="readout")
    assert audit.rows[0].weights == (2,)
    assert audit.time.direction == "forward"


@pytest.mark.parametrize("architecture", ["convolutional", "locally-connected"])
@pytest.mark.parametrize("name", ["gevb", "vectorised-backprop", "feedback-alignment"])
def test_maps(name, architecture):
    audit = found(name, layers=(8, 8), architecture=architecture)
    assert audit.kind == EXPECTED[name][0]
    assert [row.input for row in audit.rows] == [(0,), (1,), (2,)]


@pytest.mark.parametrize("optimiser", ["sgd", "rmsprop", "adam"])
def test_no_optimiser_mixes_layers(optimiser):
    assert found("gevb", optimiser=optimiser).crossings == []


def test_feedback_is_fixed_and_read_from_above():
    first, second = found("feedback-alignment", layers=(64, 64)).memories
    assert first.read_by == (1,)
    assert second.read_by == (1, 2)
    assert first.fixed
    assert second.fixed


def test_direct_feedback_of_one_hidden_layer_is_feedback():
    """W_2 is replaced by B in both, so there is no difference."""
    assert found("feedback-alignment", layers=(64,)).kind == found("direct-feedback-alignment", layers=(64,)).kind


def test_no_hidden_layer():
    audit = found("backprop", layers=())
    assert audit.kind == "single"
    assert verdict(audit)[0].startswith("One layer")


@pytest.mark.parametrize(
    ("partition", "weights"),
    [("sss", [(), (), ()]), ("dss", [(2,), (), ()]), ("sds", [(), (3,), ()]), ("ddd", [(2, 3, 4), (3, 4), (4,)])],
)
def test_gradients_flow_inside_a_coagent_only(partition, weights):
    audit = found("coagent", units="gaussian", partition=partition)
    assert [row.weights for row in audit.rows[:-1]] == weights
    assert {row.error for row in audit.rows} == {"scalar"}
    assert audit.kind == ("weight-transport" if "d" in partition else "scalar")


@pytest.mark.parametrize("units", ["gaussian", "discrete"])
def test_baselines(units):
    """A baseline is learned from the input of the network or of the layer, and from the scalar; never from weights."""
    reads = {}
    for baseline in ("none", "global", "state-global", "state-layer"):
        audit = found("coagent", layers=(64, 64), units=units, baseline=baseline)
        assert audit.kind == "scalar"
        reads[baseline] = [(memory.read_by, memory.activity) for memory in audit.memories]
        assert {memory.error for memory in audit.memories} <= {"scalar"}
        assert [row.activity for row in audit.rows[:2]] == [(), (0,) if baseline == "state-global" else ()]
    hidden = (1, 2, 3) if units == "gaussian" else (1, 2)
    assert reads["none"] == []
    assert reads["global"] == [(hidden, ())]
    assert reads["state-global"] == [(hidden, (0,))]
    assert reads["state-layer"] == [((layer,), (layer - 1,)) for layer in hidden]


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": 4},
        {"units": "gaussian", "sigma_schedule": "learned"},
        {"units": "gaussian", "sigma_schedule": "decayed"},
        {"num_actions": 5},
    ],
    ids=str,
)
def test_variants_of_coagents_stay_local(changes):
    audit = found("coagent", **changes)
    assert audit.kind == "scalar"
    assert audit.transport == {}


@pytest.mark.parametrize("critic", ["on-policy", "off-policy", "off-policy-max"])
def test_critics_are_those_of_the_layers_above(critic):
    """Layer l is told by the critic of layer l + 1, which has just learned from that above it; the last is told R."""
    audit = found("coagent-actor-critic", critic=critic, critic_width=16)
    assert audit.kind == "critics"
    assert audit.transport == {}
    critics = {memory.name: memory for memory in audit.memories if memory.name.startswith("critics.critics")}
    assert {name: critic.read_by for name, critic in critics.items()} == {
        "critics.critics[1]": (1,),
        "critics.critics[2]": (1, 2),
    }
    assert critics["critics.critics[1]"].activity == (1, 2, 3)
    assert critics["critics.critics[2]"].activity == (2, 3)
    assert {critic.error for critic in critics.values()} == {"scalar"}
    assert audit.rows[2].memory == ()


def test_an_advantage_needs_the_own_critic_too():
    audit = found("coagent-actor-critic", layers=(64, 64), policy_weight="advantage", critic_width=16)
    assert audit.kind == "critics"
    assert "critics.critics[0]" in audit.rows[0].memory
    assert "critics.critics[1]" in audit.rows[1].memory


def test_a_subset_of_units_is_drawn_by_a_fixed_key():
    audit = found("coagent", layers=(64, 64), stochastic_units=32, baseline="none")
    assert audit.kind == "scalar"
    assert [(memory.name, memory.fixed, memory.read_by) for memory in audit.memories] == [("key", True, (1, 2))]


def test_words_and_document():
    audit = found("backprop", layers=(64, 64))
    sentences = verdict(audit)
    assert sentences[0] == (
        "Weight transport: updates read the weights of other layers, the update of layer 1 those of layer 2, output; "
        "of layer 2 those of output."
    )
    assert sentences[1] == "Told the error as a vector, made of outputs and targets: layers 1, 2, output."
    document = to_document(audit)
    assert document["kind"] == "weight-transport"
    assert document["weight_transport"] == {1: [2, 3], 2: [3]}
    assert document["holds"]
    assert document["jacobian"] is document["changed"] is None
    assert document["layers"][0]["activity"] == (2,)
    assert verdict(found("gevb"))[0].startswith("Local but for a broadcast error vector")
    assert verdict(found("coagent"))[0].startswith("Local but for a scalar")
    assert verdict(found("feedback-alignment"))[0].startswith("No weight transport")
