"""Backpropagation: every layer is told the exact gradient, carried backwards through the weights of those above."""

from jaxtyping import PRNGKeyArray

from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.conventional import Conventional, require_certain
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import ConventionalSettings


def make_backprop(settings: ConventionalSettings, facts: TaskFacts) -> Rule:
    """Return the rule: g_L = e / B, g_l = (W_{l+1}ᵀ g_{l+1}) · f'(z_l).

    Raises:
        AccumbensError: the units are Bernoulli units, which have no derivative.
    """
    require_certain(settings)

    def init(key: PRNGKeyArray) -> tuple[Conventional, tuple[()]]:
        return Conventional.create(settings, facts, key), ()

    def update(network: Conventional, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        trace = network.forward(batch.x)
        error = output_error(trace.outputs, batch.y, facts.kind) / batch.x.shape[0]
        gradients = network.gradients(trace, network.backward(trace, error))
        return Update(gradients, memory, losses(trace.outputs, batch.y, facts.kind).mean())

    return Rule(init, update)
