"""The checker of rules finds what it says it finds."""

import jax
import jax.numpy as jnp
import pytest

from accumbens.credit.checker import check_rule
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Rule, TaskFacts, Update
from accumbens.credit.registry import RULES
from accumbens.credit.settings import ConventionalSettings
from accumbens.errors import AccumbensError

FACTS = TaskFacts("classification", 5, 3)
NUMBERS = TaskFacts("regression", 5, 2)


def make(change=lambda update: update, facts=FACTS):
    """Backpropagation, whose update is changed."""

    def update(network, memory, batch, key):
        loss, gradients = jax.value_and_grad(lambda network: network.exact_loss(batch, key))(network)
        return change(Update(gradients, memory, loss))

    settings = ConventionalSettings(layers=(4,))
    return Rule(lambda key: (Conventional.create(settings, facts, key), jnp.float32(0)), update)


@pytest.mark.parametrize("facts", [FACTS, NUMBERS], ids=["classes", "numbers"])
def test_good_rules_pass(facts):
    check_rule(make(facts=facts), facts)


def test_ours_pass():
    entry = RULES["coagent"]
    check_rule(entry.make(entry.settings, FACTS), FACTS)


BROKEN = {
    "no rule": (lambda: (1, 2), "make returns a tuple, not a Rule"),
    "no network": (lambda: make()._replace(init=lambda key: (key, ())), "init returns a .*, not a Network"),
    "no memory": (lambda: make()._replace(init=lambda key: jnp.ones(3)), r"init does not return \(network, memory\)"),
    "other outputs": (lambda: make(facts=NUMBERS), r"its network predicts float32\[8,2\], not float32\[8,3\]"),
    "no update": (lambda: make(tuple), "update returns a tuple, not an Update"),
    "loss": (lambda: make(lambda u: u._replace(loss=u.loss[None])), r"the loss is float32\[1\], not float32\[\]"),
    "gradients": (
        lambda: make(lambda u: u._replace(gradients=u.gradients.layers[:1])),
        "gradients has 2 arrays, the network 4",
    ),
    "memory": (
        lambda: make(lambda u: u._replace(memory=jnp.ones(2))),
        r"memory has float32\[2\] where init's has float32\[\]",
    ),
    "not finite": (
        lambda: make(lambda u: u._replace(gradients=jax.tree.map(lambda g: g / 0, u.gradients))),
        "its first update has gradients with a number that is not finite",
    ),
    "error": (
        lambda: make(lambda u: u._replace(loss=u.nothing)),
        r"the rule does not work: AttributeError: .*nothing.*\n.*test_checker.py, line \d+, in <lambda>\n.*u.nothing",
    ),
    "unknown name": (
        lambda: make(lambda u: u._replace(loss=no_such_name)),  # noqa: F821
        r"the rule does not work: NameError: .*\n.*test_checker.py, line \d+, in <lambda>\n.*no_such_name",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_promises_are_found(name):
    rule, broken = BROKEN[name]
    with pytest.raises(AccumbensError, match=broken):
        check_rule(rule(), FACTS)
