"""Straight-through: units are drawn on or off, and the gradient passes them as if not; Bengio et al., 2013."""

from typing import Literal

import jax
from jaxtyping import PRNGKeyArray

from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import StraightThroughSettings
from accumbens.errors import require


def make_straight_through(settings: StraightThroughSettings, facts: TaskFacts) -> Rule:
    """Return the rule: h_l ~ Bernoulli(sigmoid(z_l)); g_L = e / B, g_l = (W_{l+1}ᵀ g_{l+1}) · s(z_l).

    s is 1, or the sigmoid's derivative: Bengio et al., 2013, section 4, has both.

    Raises:
        AccumbensError: the units are not Bernoulli units.
    """
    return _make(settings, facts, "identity")


def make_straight_through_gated(settings: StraightThroughSettings, facts: TaskFacts) -> Rule:
    """Return the rule of the code released with Gupta et al., 2021: g_l = (W_{l+1}ᵀ g_{l+1}) · s(z_l) · h_l, s being 1.

    So the gradient passes only the units that were on. Neither their text nor Bengio et al., 2013, has this factor.

    Raises:
        AccumbensError: the units are not Bernoulli units.
    """
    return _make(settings, facts, "gated")


def _make(settings: StraightThroughSettings, facts: TaskFacts, passing: Literal["identity", "gated"]) -> Rule:
    require("units", settings.units, "bernoulli with this rule", settings.units == "bernoulli")

    def init(key: PRNGKeyArray) -> tuple[Conventional, tuple[()]]:
        return Conventional.create(settings, facts, key), ()

    def update(network: Conventional, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        trace = network.forward(batch.x, key)
        error = output_error(trace.outputs, batch.y, facts.kind) / batch.x.shape[0]
        slopes = trace.h if passing == "gated" else trace.slopes
        if settings.derivative == "sigmoid":
            slopes = [slope * jax.nn.sigmoid(z) * jax.nn.sigmoid(-z) for slope, z in zip(slopes, trace.z, strict=True)]
        signals = network.backward(trace, error, slopes=slopes)
        return Update(network.gradients(trace, signals), memory, losses(trace.outputs, batch.y, facts.kind).mean())

    return Rule(init, update)
