"""Sparse attentive backtracking: credit skips most of the past, and reaches the few states that were attended to."""

from jaxtyping import PRNGKeyArray

from accumbens.credit.networks.attentive import Attentive, loss_and_gradients
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import AttentiveSettings


def make_sparse_attentive_backtracking(settings: AttentiveSettings, facts: TaskFacts) -> Rule:
    """Return the rule: the gradient within blocks of steps, and through the memories attended to; Ke et al., 2018.

    Raises:
        AccumbensError: there is not one hidden layer, or a number is too small.
    """

    def init(key: PRNGKeyArray) -> tuple[Attentive, tuple[()]]:
        return Attentive.create(settings, facts, key), ()

    def update(network: Attentive, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        loss, gradients = loss_and_gradients(network, batch, cut=True)
        return Update(gradients, memory, loss)

    return Rule(init, update)
