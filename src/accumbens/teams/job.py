"""The compiled pieces of a run of a team: data, learner and program together, and rows of numbers out of them."""

import dataclasses
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer

from accumbens.envs.teams.protocol import HostTeam, TeamEnvironment, TeamFacts, release
from accumbens.envs.teams.registry import make_team
from accumbens.errors import AccumbensError, require
from accumbens.runs.devices import ALL, SEEDS, over_devices
from accumbens.runs.directory import RunDirectory
from accumbens.runs.health import HELPS, NotFiniteError, require_finite_parameters
from accumbens.runs.interrupt import wait_for
from accumbens.runs.settings import format_value
from accumbens.runs.side_by_side import SideBySide, Values, with_values
from accumbens.teams.config import TeamConfig, require_data
from accumbens.teams.conservative import make_conservative
from accumbens.teams.episodes import Episodes
from accumbens.teams.imitation import Networks, make_imitation
from accumbens.teams.learner import Learner, SeedState, no_losses
from accumbens.teams.minari_data import TeamData
from accumbens.teams.play import play
from accumbens.teams.playing import make_playing
from accumbens.teams.settings import ConservativeSettings, DistilledSettings, PlayingSettings, PolicySettings
from accumbens.teams.sources import data_of, note_of
from accumbens.teams.windows import Data, Scale, prepare, scale_of

CHUNK_SECONDS = 1.0
"""About how long a chunk takes, which Ctrl-C waits for and after which the bar moves."""

FIRST_EVALUATION_SEED = 2**31
"""Of the first episode of an evaluation: the seeds of recorded episodes are smaller by default."""


class TeamState(NamedTuple):
    """Where a run stands.

    Attributes:
        update: updates that each seed has done, a teacher's included.
        seeds: everything else, with a leading axis of seeds.
    """

    update: Int[Array, ""]
    seeds: SeedState


def make_learner(config: TeamConfig, environment: TeamEnvironment | HostTeam, scale: Scale | None) -> Learner:
    """Return what learns.

    Args:
        config: of the run.
        environment: that the team plays in.
        scale: of the data; None where there are none.

    Raises:
        AccumbensError: the method does not fit the environment.
    """
    settings = config.settings
    if isinstance(settings, PlayingSettings):
        if not isinstance(environment, TeamEnvironment):
            raise AccumbensError(
                f"{config.algo} learns by playing on the device, and {config.env} runs on the host: record its data "
                f"with 'accumbens record {config.env} --policy random', and learn from them"
            )
        return make_playing(settings, environment, config.updates)
    if isinstance(settings, ConservativeSettings):
        return make_conservative(settings, environment.facts)
    assert scale is not None
    return make_imitation(settings, environment.facts, scale)


class Teaming(SideBySide[TeamState]):
    """The compiled pieces of one run of a team, or of several side by side."""

    shares_out = True

    def __init__(
        self,
        config: TeamConfig,
        *beside: TeamConfig,
        environment: TeamEnvironment | HostTeam | None = None,
        data: TeamData | None = None,
    ):
        """Make the environment, read the data and build the program; nothing is compiled yet.

        Args:
            config: of the run.
            beside: of runs that learn side by side with it: they may differ in numbers of the settings, and in seeds.
            environment: of the run, if it is made already.
            data: of the run, if they are read already.

        Raises:
            AccumbensError: there are no data, they are not of this environment, or the settings do not fit.
        """
        require_data(config)
        self._take([config, *beside], "settings")
        self.environment = make_team(config.env) if environment is None else environment
        self.facts, settings = self.environment.facts, config.settings
        self.scale: Scale | None = None
        found: TeamData | None = None
        self._host_data: Data | None = None
        if not isinstance(settings, PlayingSettings):
            found = data_of(config.data, self.environment) if data is None else data
            self.digest, self.data_episodes = found.digest, len(found.episodes.lengths)
            self.scale = scale_of(found.episodes)
            context = settings.context if isinstance(settings, PolicySettings) else 1
            self._host_data = prepare(found.episodes, self.scale, context, settings.held_out)
            self.notes = [*note_of(found, self.environment), *_notes(found.episodes, settings)]
        self.learner = make_learner(config, self.environment, self.scale)
        self.total = self.learner.before + config.updates
        require("updates", config.updates, "fewer: they are counted in 32 bits", self.total < 2**31)
        self.keeps_every_network = isinstance(settings, PlayingSettings)  # for data of every quality
        self._last_return = float("nan")
        self._evaluations, self._size = min(config.evaluations, config.updates), 1
        self.columns = [*self.learner.losses, *self.learner.measures, *PLAYED]
        count, whole = len(self.seeds), cast(Any, TeamState)(ALL, SEEDS)
        self._init = jax.jit(over_devices(jax.vmap(self._begin_one), count, (SEEDS, SEEDS), SEEDS))
        many = over_devices(self._many, count, (whole, ALL, SEEDS, ALL, SEEDS), whole)
        self._advance = jax.jit(many, donate_argnums=0)
        measure = jax.vmap(self._measure_one, in_axes=(0, None, 0, None, 0))
        self._measure = jax.jit(over_devices(measure, count, (SEEDS, ALL, SEEDS, ALL, SEEDS), SEEDS))
        if beside:
            self._runs = [self._alone(own) for own in (config, *beside)]
            if found is not None:
                for own in self._runs:
                    own.notes = [*note_of(found, self.environment), *_notes(found.episodes, own.config.settings)]

    def _learner_with(self, values: Values) -> Learner:
        """What learns, with the numbers of one seed."""
        if values is None:
            return self.learner
        settings = with_values(self.config.settings, values)
        return make_learner(dataclasses.replace(self.config, settings=settings), self.environment, self.scale)

    def _begin_one(self, seed: Integer[Array, ""], values: Values) -> SeedState:
        return self._learner_with(values).init(seed)

    def _measure_one(
        self, state: SeedState, data: Any, seed: Integer[Array, ""], update: Int[Array, ""], values: Values
    ) -> dict[str, Float[Array, ""]]:
        return self._learner_with(values).measure(state, data, seed, update)

    def _many(
        self, state: TeamState, data: Any, seeds: Integer[Array, " seeds"], updates: Int[Array, ""], values: Values
    ) -> TeamState:
        def of_one(state: SeedState, seed: Integer[Array, ""], update: Int[Array, ""], values: Values) -> SeedState:
            return self._learner_with(values).update(state, data, seed, update)

        def one(state: TeamState) -> TeamState:
            update = jax.vmap(of_one, in_axes=(0, 0, None, 0))
            return TeamState(state.update + 1, update(state.seeds, seeds, state.update, values))

        end = state.update + updates
        return jax.lax.while_loop(lambda state: state.update < end, one, state)

    def trace(self) -> None:
        """Go through the programs without compiling them.

        Raises:
            TypeError: a setting that differs between runs side by side is not a number to compute with.
        """
        if self._values and "held_out" in self._values:
            raise TypeError("what is held out is decided before anything is computed")
        shapes, update = self.like(), jnp.int32(1)
        jax.eval_shape(self._advance, shapes, self._host_data, self._seeds, update, self._values)
        jax.eval_shape(self._measure, shapes.seeds, self._host_data, self._seeds, update, self._values)

    def _alone(self, config: TeamConfig) -> "Teaming":
        make_learner(config, self.environment, self.scale)  # which refuses what cannot be used
        return super()._alone(config)

    @cached_property
    def _data(self) -> Any:
        """The data on the device, where they are put when the first update is done."""
        return jax.tree.map(jnp.asarray, self._host_data)

    @property
    def _seeds(self) -> Integer[Array, " seeds"]:
        return jnp.asarray(self.seeds, jnp.uint32)

    def init(self) -> TeamState:
        """Return the run before its first update."""
        return TeamState(jnp.int32(0), self._init(self._seeds, self._values))

    def like(self) -> Any:
        """Return the shapes of the state."""
        return jax.eval_shape(self.init)

    def learn(self, state: TeamState, updates: int) -> TeamState:
        """Run that many updates and wait for them; the state that goes in is used up."""
        state = self._advance(state, self._data, self._seeds, jnp.int32(updates), self._values)
        wait_for(state.update)
        return state

    def prepare(self) -> float:
        """Compile, choose how many updates make a chunk, and return updates per second of each seed."""
        state = self.init()._replace(update=jnp.int32(self.learner.before))
        state = self.learn(state, 1)
        updates, seconds = 1, 0.0
        while seconds < CHUNK_SECONDS / 20:
            updates *= 2
            begin = time.perf_counter()
            state = self.learn(state, updates)
            seconds = time.perf_counter() - begin
        self._size = max(1, round(updates * CHUNK_SECONDS / seconds))
        return updates / seconds

    def step_of(self, state: TeamState) -> int:
        """Return the updates that each seed has done."""
        return int(state.update)

    def _evaluation_at(self, number: int) -> int:
        """The update after which evaluation `number` takes place; 0 is before the first."""
        if not number:
            return 0
        return self.learner.before + round(number * self.config.updates / self._evaluations)

    def _next_evaluation(self, update: int) -> int:
        """The first evaluation after an update."""
        numbers = range(self._evaluations + 1)
        return next((at for number in numbers if (at := self._evaluation_at(number)) > update), self.total)

    def advance(
        self, state: TeamState, evaluated: int, warn: Callable[[str], None]
    ) -> tuple[TeamState, list[dict[str, Any]], float]:
        """Run one chunk, to the next evaluation at most; the score is the return of the last evaluation."""
        before = int(state.update)
        state = self.learn(state, min(self._size, self._next_evaluation(before) - before))
        losses, update = {name: np.asarray(total) for name, total in state.seeds.losses.items()}, int(state.update)
        for name, values in losses.items():
            if not np.isfinite(values).all():
                self.require_finite_parameters(state)
                rows, what = np.flatnonzero(~np.isfinite(values)).tolist(), name.replace("_", " ")
                text = "the {} of seed {} is no longer finite at update {}"
                raise NotFiniteError.of({row: text.format(what, self.seeds[row], update) for row in rows})
        return state, [], self._last_return

    def is_due(self, before: int, after: int) -> bool:
        """Return whether an evaluation is due."""
        return self._next_evaluation(before) <= after

    def evaluate(self, state: TeamState, evaluated: int) -> tuple[TeamState, list[dict[str, Any]]]:
        """Let every seed play; return a row per seed."""
        update = int(state.update)
        found = jax.tree.map(
            np.asarray, self._measure(state.seeds, self._data, self._seeds, jnp.int32(update), self._values)
        )
        since = {name: update - max(evaluated, self.learner.before) for name in self.learner.losses}
        since["teacher_loss"] = min(update, self.learner.before) - evaluated
        rows = []
        for index, seed in enumerate(self.seeds):
            row: dict[str, Any] = {"seed": seed}
            for name, total in state.seeds.losses.items():
                given = name == "teacher_loss" and not total[index]  # a teacher of another run learned nothing here
                row[name] = float(total[index]) / since[name] if since[name] > 0 and not given else float("nan")
            row |= {name: found[name][index].item() for name in self.learner.measures}
            rows.append(row | played(self.facts, self.play(state, index, self.config.num_eval_episodes)))
        self._last_return = float(np.mean([row["mean_return"] for row in rows]))
        sums = no_losses(self.learner.losses)
        nothing = {name: jnp.broadcast_to(value, (len(self.seeds),)) for name, value in sums.items()}
        return state._replace(seeds=state.seeds._replace(losses=nothing)), rows

    def play(self, state: TeamState, index: int, episodes: int) -> Episodes:
        """Let the team of a seed play greedily.

        Args:
            state: as it is.
            index: of the seed.
            episodes: how many; their first states are the same for every seed and method.
        """
        networks = jax.tree.map(lambda leaf: leaf[index], state.seeds.networks)
        seeds = FIRST_EVALUATION_SEED + np.arange(episodes)
        config = self._runs[index * len(self._runs) // len(self.seeds)].config
        params = self.learner.params(networks, target_of(config, self.scale))
        return play(self.environment, self.learner.policy, params, seeds)

    def networks(self, state: TeamState) -> Any:
        """Return the networks of all seeds."""
        return state.seeds.networks

    def networks_of_origin(self, config: TeamConfig) -> Any:
        """Return the shapes of the networks that a run can begin from: its own, or those of a teacher's run."""
        own = jax.eval_shape(self.networks, self.like())
        distils = isinstance(self.config.settings, DistilledSettings)
        return Networks(own.teacher) if distils and getattr(config.settings, "centralised", False) else own

    def begin_from(self, state: TeamState, networks: Any) -> TeamState:
        """Return a first state with other networks; of students that are given a teacher, without its updates."""
        old = state.seeds.networks
        if isinstance(old, Networks) and old.teacher is not None and networks.teacher is None:
            taught = old._replace(teacher=networks.team)
            return TeamState(jnp.int32(self.learner.before), state.seeds._replace(networks=taught))
        return state._replace(seeds=state.seeds._replace(networks=networks))

    def recorded(self) -> dict[str, Any]:
        """Return what is kept of the environment and of the data."""
        kept: dict[str, Any] = {"team": self.facts._asdict() | {"agents": list(self.facts.agents)}}
        if self.scale is not None:
            kept |= {"data_sha256": self.digest, "data_episodes": self.data_episodes, "scale": self.scale._asdict()}
        return kept

    def require_continues(self, run: RunDirectory) -> None:
        """Refuse other data than those that the run was started with."""
        if self.scale is not None and run.read_meta().get("data_sha256", self.digest) != self.digest:
            raise AccumbensError(f"the data are not those that {run.path} was started with: their SHA-256 differs")

    def require_begins_from(self, run: RunDirectory) -> None:
        """Refuse networks whose weights are of the same shapes and mean something else here."""
        from accumbens.teams.kind import TEAMS

        theirs, ours = TEAMS.read(run.config).settings, self.config.settings
        if not isinstance(theirs, PolicySettings) or not isinstance(ours, PolicySettings):
            return
        names = ("network", "heads", "context", "returns") if ours.network == "transformer" else ("network", "returns")
        unlike = [
            f"{name}={format_value(getattr(theirs, name))} there, {format_value(getattr(ours, name))} here"
            for name in names
            if getattr(theirs, name) != getattr(ours, name)
        ]
        digest = run.read_meta().get("data_sha256")
        if theirs.centralised and not ours.centralised and ours.returns and digest != self.digest:
            unlike.append("its teacher learned from other data, in which other returns are usual")
        if unlike:
            raise AccumbensError(f"{run.path} has networks that mean something else here: {'; '.join(unlike)}")

    def require_finite_parameters(self, state: TeamState) -> None:
        """Raise if a parameter is not finite.

        Raises:
            NotFiniteError: names the first and its seed.
        """
        leaves = jax.tree_util.tree_leaves_with_path(state.seeds.networks)
        named = ((jax.tree_util.keystr(path, simple=True, separator="."), leaf) for path, leaf in leaves)
        require_finite_parameters(named, self.seeds, f"at update {int(state.update)}; {HELPS}")

    def close(self) -> None:
        """Close an environment on the host."""
        release(self.environment)


PLAYED = ("mean_return", "won", "mean_length")
"""What is recorded of the episodes of an evaluation."""


def played(facts: TeamFacts, episodes: Episodes) -> dict[str, float]:
    """Return the return of an agent, mean over agents and episodes; the share of episodes won; and their length."""
    returns = episodes.returns().mean(axis=1)
    won = float("nan") if facts.won is None else float((returns >= facts.won).mean())
    return {"mean_return": float(returns.mean()), "won": won, "mean_length": float(episodes.lengths.mean())}


def target_of(config: TeamConfig, scale: Scale | None) -> float:
    """Return the return that a team is asked for: the setting, or what the data suggest; 0 if it is told none."""
    settings = config.settings
    if scale is None or not isinstance(settings, PolicySettings):
        return 0.0
    return scale.asked(settings.ambition) if settings.target_return is None else settings.target_return


def _notes(episodes: Episodes, settings: Any) -> list[str]:
    """What the user should know of data and settings."""
    target = getattr(settings, "target_return", None)
    best = float(episodes.returns().mean(axis=1).max())
    if target is not None and target > best:
        return [f"target_return={target:g} is more than any episode of the data has ({best:.4g})"]
    return []
