"""Rules that change the recurrent weights of a network that moves a hand, at every step of a trial.

Only W_rec learns. With the position error ε_t of the hand as the network is told it,

    P_t = α ReLU'(x_t) r_{t-1} + (1 - α) P_{t-1}    (of a trace that is presynaptic, without the slope)
    W_rec ← W_rec + η (W_fb ε_t) P_t

is random feedback local online learning (RFLO; Murray, 2019). `online-gradient` follows at every step the gradient of
the mean of ε_t², sent back through the states of the trial as they were met, with the rate η ‖W_fb‖ / ‖W_out‖ where
RFLO's error comes through W_fb: so one η means steps of about one size.

Reference: Kaleb et al. (2024) and its released code, whose experiments divide η by 10 where feedback is off or absent;
here η is what is set. Its presynaptic trace is one step ahead of ours, of r_t, which x_t does not depend on. The
optimiser has to be gradient descent: an update is the sum of a trial's steps, each made with the weights that the
earlier ones left.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from accumbens.credit.networks.controlled import ALPHA, NOISE, Moment, Reaching, Seen
from accumbens.credit.networks.past import Past
from accumbens.credit.protocol import Batch, Rule, TaskFacts, Update
from accumbens.credit.settings import FeedbackLearningSettings
from accumbens.errors import require

Weights = Float[Array, "units units"]


def make_rflo(settings: FeedbackLearningSettings, facts: TaskFacts) -> Rule:
    """Return the rule: the error through W_fb, or W_outᵀ, times the trace P.

    Raises:
        AccumbensError: a batch is more than one trial.
    """

    def traces(network: Reaching) -> Weights:
        return jnp.zeros_like(network.layers[0].W_rec)

    return _make(settings, facts, traces, partial(rflo_step, settings))


def rflo_step(
    settings: FeedbackLearningSettings, network: Reaching, P: Weights, before: Moment, after: Moment
) -> tuple[Weights, Weights]:
    """Return the trace P one step later, and the change of W_rec that RFLO asks for, without the rate."""
    slope = jnp.ones_like(after.x) if settings.presynaptic else (after.x > 0).astype(after.x.dtype)
    P = ALPHA * jnp.outer(slope, jax.nn.relu(before.x)) + (1 - ALPHA) * P
    units, readout = network.layers
    through = units.feedback.weight if settings.signal == "feedback" else readout.weight.T
    return P, (through @ after.error)[:, None] * P


def make_online_gradient(settings: FeedbackLearningSettings, facts: TaskFacts) -> Rule:
    """Return the rule: the gradient of the mean of ε_t² through the trial so far, the error fed back being constant.

    Raises:
        AccumbensError: a batch is more than one trial.
    """

    def step(network: Reaching, history: Past, before: Moment, after: Moment) -> tuple[Past, Weights]:
        history = history.lengthened(before, after)
        units, readout = network.layers
        change = history.sent_back(network, after.error)
        if settings.signal == "feedback":
            change *= jnp.linalg.norm(units.feedback.weight) / jnp.linalg.norm(readout.weight)
        return history, change

    return _make(settings, facts, Past.none, step)


def _make(
    settings: FeedbackLearningSettings,
    facts: TaskFacts,
    traces: Callable[[Reaching], Any],
    step: Callable[[Reaching, Any, Moment, Moment], tuple[Any, Weights]],
) -> Rule:
    """Return the rule that changes W_rec by η times what `step(network, traces, before, after)` returns."""
    require("batch_size", settings.batch_size, "1 with this rule", settings.batch_size == 1)
    rate = settings.learning_rate

    def init(key: PRNGKeyArray) -> tuple[Reaching, tuple[()]]:
        return Reaching.create(settings, facts, key, adapting=True), ()

    def update(network: Reaching, memory: tuple[()], batch: Batch, key: PRNGKeyArray) -> Update:
        seen = Seen.of(batch.x[0])
        first = jax.random.uniform(key, (1, network.layers[0].count), minval=-NOISE, maxval=NOISE)[0]

        def now(W_rec: Weights) -> Reaching:
            return eqx.tree_at(lambda n: n.layers[0].W_rec, network, W_rec)

        def one(carried: Any, seen: Seen) -> tuple[Any, Array]:
            W_rec, moment, trace = carried
            after = now(W_rec).step(moment, seen)
            trace, change = step(now(W_rec), trace, moment, after)
            return (W_rec + rate * change, after, trace), jnp.square(after.error).mean()

        start = (network.layers[0].W_rec, network.start(first, seen.goal[0]), traces(network))
        (W_rec, _, _), losses = jax.lax.scan(one, start, seen)
        still = jax.tree.map(jnp.zeros_like, network)
        descended = (network.layers[0].W_rec - W_rec) / rate
        return Update(eqx.tree_at(lambda n: n.layers[0].W_rec, still, descended), memory, losses.mean())

    return Rule(init, update)
