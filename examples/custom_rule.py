"""A rule of your own: node perturbation. `accumbens fit digits examples.custom_rule:node-perturbation`"""

from dataclasses import dataclass

import jax

from accumbens.credit.losses import losses
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Rule, Update
from accumbens.credit.registry import register_rule
from accumbens.credit.settings import ConventionalSettings
from accumbens.errors import require


@dataclass(frozen=True, kw_only=True)
class PerturbationSettings(ConventionalSettings):
    noise: float = 0.01
    """Standard deviation σ of the noise that is added to the pre-activation of every unit."""


def make(settings, facts):
    """Units are told how much noise changed the loss, and know their own noise ξ: g = (L(z + ξ) - L(z)) ξ / σ²."""
    require("units", settings.units, "relu", settings.units == "relu")
    require("architecture", settings.architecture, "dense", settings.architecture == "dense")

    def update(network, memory, batch, key):
        trace, noises = network.forward(batch.x), []
        h = z = batch.x
        for layer, layer_key in zip(network.layers, jax.random.split(key, len(network.layers)), strict=True):
            noises.append(settings.noise * jax.random.normal(layer_key, layer(h).shape))
            z = layer(h) + noises[-1]
            h = jax.nn.relu(z)
        loss, disturbed = (losses(outputs, batch.y, facts.kind) for outputs in (trace.outputs, z))
        told = (disturbed - loss)[:, None] / (len(loss) * settings.noise**2)
        return Update(network.gradients(trace, [told * noise for noise in noises]), memory, loss.mean())

    return Rule(lambda key: (Conventional.create(settings, facts, key), ()), update)


register_rule("node-perturbation", make, PerturbationSettings(), "one number: how much noise changed the loss")
