"""Learning in vectorised networks: backpropagation, and GEVB, which tells every layer the error vector and no more."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.vectorised import Vectorised, VectorTrace
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import VectorisedSettings


def make_vectorised_backprop(settings: VectorisedSettings, facts: TaskFacts) -> Rule:
    """Return the rule: g_L = 1 / B, g_l = (W_{l+1}ᵀ g_{l+1}) · m_l, which is the exact gradient."""
    return _make(settings, facts, Vectorised.backward)


def make_gevb(settings: VectorisedSettings, facts: TaskFacts) -> Rule:
    """Return the rule of global error-vector broadcasting: g_l = m_l / B for every hidden layer; Clark et al., 2021.

    In a nonnegative network no change has the wrong sign: W_{l+1}ᵀ g_{l+1} is never negative. As in the released code,
    averaging of maps does not scale the signal.
    """

    def broadcast(network: Vectorised, trace: VectorTrace) -> list[Any]:
        units = [*trace.gates, trace.outputs[:, :1]]
        return [jnp.full_like(like, 1 / len(trace.outputs)) for like in units]

    return _make(settings, facts, broadcast)


def _make(
    settings: VectorisedSettings, facts: TaskFacts, signals: Callable[[Vectorised, VectorTrace], list[Any]]
) -> Rule:
    """Return the rule by what it tells every unit, beside the error vector that all are told."""

    def init(key: PRNGKeyArray) -> tuple[Vectorised, tuple[()]]:
        return Vectorised.create(settings, facts, key), ()

    def update(network: Vectorised, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        trace = network.forward(batch.x)
        e = output_error(trace.outputs, batch.y, facts.kind)
        gradients = network.gradients(trace, e, signals(network, trace))
        return Update(gradients, memory, losses(trace.outputs, batch.y, facts.kind).mean())

    return Rule(init, update)
