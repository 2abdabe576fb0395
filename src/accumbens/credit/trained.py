"""What the network of a fit is like."""

import jax
import jax.numpy as jnp

from accumbens.credit.config import FitConfig
from accumbens.credit.protocol import Network, TaskFacts
from accumbens.credit.registry import rule_entry


def network_like(config: FitConfig, facts: TaskFacts) -> Network:
    """Return the shapes of the network of one seed.

    Raises:
        AccumbensError: the rule's settings do not fit the task.
    """
    rule = rule_entry(config.rule)[1].make(config.rule_settings, facts)
    return jax.eval_shape(lambda seed: rule.init(jax.random.key(seed))[0], jnp.arange(1)[0])
