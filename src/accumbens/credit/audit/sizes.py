"""The same task and rule, made small: what an audit reads of a program does not depend on how many units there are."""

import dataclasses
from typing import Any

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.settings import RuleSettings

INPUTS, SIDE, OUTPUTS, EXAMPLES, STEPS = 6, 8, 4, 5, 9

# Settings that count something, where a rule has them.
_AT_MOST = {"samples": 2, "stochastic_units": 2, "critic_width": 8, "batch_size": EXAMPLES}
# Of sequences: blocks and memories that are fewer than the steps, so that a part is told from the whole.
_AT_MOST |= {"truncation": 3, "write_every": 2, "attended": 2}


def small_facts(facts: TaskFacts) -> TaskFacts:
    """Return a task of the same kind with few inputs, and so many outputs that a vector is told from a scalar."""
    image = None if facts.image_shape is None else (facts.image_shape[0], SIDE, SIDE)
    inputs = INPUTS if image is None else image[0] * SIDE * SIDE
    if facts.controlled:  # its inputs have a meaning each
        return facts._replace(steps=STEPS)
    return TaskFacts(facts.kind, inputs, OUTPUTS, image, None if facts.steps is None else STEPS)


def longer_facts(facts: TaskFacts) -> TaskFacts:
    """Return the same task with sequences of twice as many steps."""
    return facts._replace(steps=None if facts.steps is None else 2 * facts.steps)


def small_settings(settings: RuleSettings) -> RuleSettings:
    """Return the settings with few units; every layer has another, even number of them."""
    layers = len(settings.layers)
    changes: dict[str, Any] = {"layers": tuple(range(2 * layers + 6, 6, -2))}
    for name, most in _AT_MOST.items():
        value = getattr(settings, name, None)
        if isinstance(value, int) and not isinstance(value, bool):
            changes[name] = min(value, most)
    return dataclasses.replace(settings, **changes)
