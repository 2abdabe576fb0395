"""What a learner did in its first update, and the loss that it should have followed, again in NumPy."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import plain_policies as plain

from accumbens.envs.teams.protocol import TeamFacts
from accumbens.runs.streams import Stream, stream_key
from accumbens.teams.imitation import make_imitation, teacher_settings
from accumbens.teams.learner import Learner
from accumbens.teams.settings import DistilledSettings, PolicySettings
from accumbens.teams.windows import Scale, draw, prepare, scale_of

from .made import made_episodes

FACTS = TeamFacts("team/two", ("a", "b"), 3, 3, 8, masks=True)
AGENTS, ACTIONS = 2, 3
SMALL: dict[str, Any] = {
    "context": 3,
    "width": 4,
    "heads": 2,
    "blocks": 1,
    "batch_size": 5,
    "max_grad_norm": 1e9,
    "learning_rate": 0.01,
    "held_out": 0.0,
}
EPISODES = made_episodes((5, 2, 4, 6), AGENTS, 3, ACTIONS)
SCALE: Scale = scale_of(EPISODES)
SEED = 7


class Done(NamedTuple):
    """One update, in double precision."""

    settings: PolicySettings
    learner: Learner
    batch: Any
    before: Any
    after: Any


def small(kind=PolicySettings, **changes) -> PolicySettings:
    return kind(**SMALL | changes)


def noisy(tree, seed=0):
    """Parameters that are not as they were drawn: new policies are nearly indifferent to all actions."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(0.4 * rng.normal(size=leaf.shape), leaf.dtype), tree)


def data_of(context=3):
    return jax.tree.map(jnp.asarray, prepare(EPISODES, SCALE, context, 0.0))


def first_update(settings, number=None) -> Done:
    """Do one update of parameters that are not new; all of it in double precision, and as NumPy's arrays."""
    with jax.enable_x64(True):
        learner = make_imitation(settings, FACTS, SCALE)
        data, number = data_of(settings.context), learner.before if number is None else number
        state = learner.init(jnp.uint32(SEED))
        state = state._replace(networks=noisy(state.networks))
        key = stream_key(jnp.uint32(SEED), Stream.LEARNING, number)
        batch = draw(data.learned, data, settings.context, settings.batch_size, key)
        after = jax.jit(learner.update)(state, data, jnp.uint32(SEED), jnp.int32(number))
        arrays = [jax.tree.map(np.asarray, part) for part in (batch, state, after)]
    return Done(settings, learner, *arrays)


def of_agent(stacked, agent):
    return jax.tree.map(lambda leaf: leaf[agent], stacked)


def is_stacked(settings) -> bool:
    return not (settings.shared or settings.centralised)


def losses(settings, networks, batch, others=None):
    """The whole loss of a readout, `[readouts]`: L_action, and of a teacher L_KL; of the last also the rest."""
    stacked, found = is_stacked(settings), []
    windows = [jax.tree.map(lambda leaf, one=one: leaf[one], batch.window) for one in range(len(batch.action))]
    team = [of_agent(networks.team, agent) for agent in range(AGENTS)] if stacked else networks.team
    read = [plain.read(team, window, settings, AGENTS, ACTIONS) for window in windows]
    features, logits = (np.stack([one[part] for one in read]) for part in (0, 1))
    weight = batch.window.weight.astype(np.float64)
    found = np.array(
        [plain.action_loss(logits[:, readout], batch.action, weight) for readout in range(logits.shape[1])]
    )
    if isinstance(settings, DistilledSettings):
        taught = [plain.read(networks.teacher, w, teacher_settings(settings), AGENTS, ACTIONS) for w in windows]
        of_teacher, says = (np.stack([one[part][-1] for one in taught]) for part in (0, 1))
        for readout in range(logits.shape[1]):
            found[readout] += settings.beta * plain.divergence(says, logits[:, readout], weight)
        own, theirs = related(settings, networks, features[:, -1], of_teacher)
        found[-1] += settings.alpha * plain.relation(theirs, own, weight, others)
        found[-1] += settings.feature * plain.feature_distance(of_teacher, features[:, -1], weight)
    return found * (AGENTS if stacked else 1)


def related(settings, networks, own, of_teacher):
    """What angles are taken of."""
    if settings.mapping == "none":
        return own, of_teacher
    m = networks.team_map if settings.mapping == "shared" else networks.teacher_map
    return plain.mapped(networks.team_map, own), plain.mapped(m, of_teacher)


def mapped_own(settings, networks, batch):
    """The students' features as they are before the update, which are constants where only its own moves an angle."""
    stacked = is_stacked(settings)
    team = [of_agent(networks.team, agent) for agent in range(AGENTS)] if stacked else networks.team
    windows = [jax.tree.map(lambda leaf, one=one: leaf[one], batch.window) for one in range(len(batch.action))]
    features = np.stack([plain.read(team, w, settings, AGENTS, ACTIONS)[0][-1] for w in windows])
    return related(settings, networks, features, features)[0]


def gradient_of(memory):
    """The gradient of the first update, of what an optimiser remembers: m = (1 - 0.9) g."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64) / 0.1, memory[1].mu)


def layer_of(team, layer):
    """What one optimiser looks after."""
    return (team.inward, team.layers[0]) if layer == 0 else (team.layers[layer],)


def with_layer(team, layer, part):
    """The networks with other parameters in one layer."""
    layers = tuple(part[-1] if number == layer else one for number, one in enumerate(team.layers))
    return type(team)(part[0] if layer == 0 else team.inward, layers, team.sizes, team.local)
