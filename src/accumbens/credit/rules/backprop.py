"""Backpropagation: every layer is told the exact gradient, carried backwards through the weights of those above."""

from jaxtyping import PRNGKeyArray

from accumbens.credit.losses import losses, output_error
from accumbens.credit.networks.conventional import Conventional
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import ConventionalSettings


def make_backprop(settings: ConventionalSettings, facts: TaskFacts) -> Rule:
    """Return the rule: g_L = e / B, g_l = (W_{l+1}ᵀ g_{l+1}) · f'(z_l)."""

    def init(key: PRNGKeyArray) -> tuple[Conventional, tuple[()]]:
        return Conventional.create(settings, facts, key), ()

    def update(network: Conventional, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        trace = network.forward(batch.x)
        signals = [output_error(trace.outputs, batch.y, facts.kind) / batch.x.shape[0]]
        for layer, h, slope in zip(network.layers[:0:-1], trace.inputs[:0:-1], trace.slopes[::-1], strict=True):
            signals.insert(0, layer.connection.transpose(h, signals[0]) * slope)
        loss = losses(trace.outputs, batch.y, facts.kind).mean()
        return Update(network.gradients(trace, signals), memory, loss)

    return Rule(init, update)
