"""Every preset in one table, with the source of every number.

A preset is a learner and groups of settings; a later group overrides an earlier one. Groups apply to `all`
environments, to a benchmark (`classic`, `minatar`, `gymnasium` for everything on the host), or to one environment.
"""

import dataclasses
from typing import Any, NamedTuple

from accumbens.agents.settings import AgentSettings, ParallelSettings, ReplaySettings
from accumbens.errors import UnknownNameError


class Group(NamedTuple):
    """Some settings and where they come from; `total_timesteps` is a setting of the run."""

    source: str
    values: dict[str, Any]


class Preset(NamedTuple):
    """One row of the table."""

    summary: str
    learner: type[AgentSettings]
    groups: dict[str, list[Group]]


class Resolved(NamedTuple):
    """A preset for one environment.

    Attributes:
        settings: every field filled in.
        total_timesteps: length of the run in environment steps.
        sources: where each field that a group set comes from.
    """

    settings: AgentSettings
    total_timesteps: int
    sources: dict[str, str]


def group(source: str, **values: Any) -> Group:
    """Return a group of settings from one source."""
    return Group(source, values)


AD = "Guan et al. (2024)"
CODE = "Guan et al. (2024), published code"
OURS = "our measurement (benchmarks/results)"
PQN = "Gallici et al. (2025), PQN configuration for MinAtar"

# What the paper says of every agent; the optimiser's b2, K and learning_starts come from the published code only.
_AD_REPLAY = {
    "all": [
        group(f"{AD}, section 3.1: no recurrence", cell="attention", recurrent_gain=None, forward_gain=1.0),
        group(f"{AD}, appendix G", batch_size=512, discount=0.99, train_every=4, target_every=1000),
        group(f"{AD}, appendix G", max_gradient_norm=1.0, loss="squared"),
        group(CODE, optimiser="adam", adam_b2=0.99, context_length=10),
    ],
    "classic": [
        group(f"{AD}, appendix C", net_arch=(128, 96), learning_rate=2.5e-4, epsilon_end=0.05, epsilon_fraction=0.2),
        group(f"{AD}, appendix C (5e6 there, more than the run can fill)", replay_capacity=1_000_000),
        group(f"{AD}, figure of the classic tasks", total_timesteps=1_000_000),
        group("ours: the paper does not say, its code has 20 000 to 50 000 for longer runs", learning_starts=10_000),
        group("ours: unknown in the paper, on in its code", input_skip=True),
    ],
    "minatar": [
        group(f"{AD}, section 4", net_arch=(400, 200, 200), input_skip=False),
        group(f"{AD}, appendix G", learning_rate=1e-4, learning_rate_end=3e-5, warmup_fraction=0.1),
        group(f"{AD}, appendix G", learning_rate_schedule="warmup_cosine", replay_capacity=5_000_000),
        group(f"{AD}, appendix G", epsilon_end=0.01, epsilon_fraction=0.1),
        group(f"{CODE}, first version", learning_starts=20_000),
        group(f"{AD}, figure of MinAtar", total_timesteps=5_000_000),
    ],
}
_AD_REPLAY["gymnasium"] = _AD_REPLAY["classic"]

_PLAIN = group(
    "a plain multi-layer perceptron: no wiring through time, only the top predicts, backpropagation",
    cell="mlp",
    layer_norm=False,
    input_skip=False,
    forward_gain=None,
    recurrent_gain=None,
    every_cell_predicts=False,
    credit="backprop",
)

_AD_PQN = {
    "all": [
        group("ours: Artificial Dopamine's cell", cell="attention", forward_gain=0.1, recurrent_gain=None),
        group("ours", optimiser="radam", adam_b2=0.999, learning_rate_schedule="linear"),
    ],
    "classic": [
        group("ours: keeps untrained values small beside the returns", value_scale=0.1, reward_scale=0.1),
        group(OURS, net_arch=(128, 96), num_envs=32, rollout_length=64, trace_decay=0.95, learning_rate=5e-4),
        group(OURS, epochs=4, num_minibatches=16, epsilon_end=0.02, epsilon_fraction=0.2),
        group(CODE, max_gradient_norm=1.0),
        group("ours", total_timesteps=500_000),
    ],
    "CartPole-v1": [group("ours", total_timesteps=250_000)],
    "Acrobot-v1": [group("ours", total_timesteps=300_000)],
    "MountainCar-v0": [
        group("ours: the velocity is 20 times smaller than the position", scale_observations=True),
        group("ours: untrained values that differ between states explore", value_scale=1.0),
        group("ours", total_timesteps=1_000_000),
    ],
    "minatar": [
        group(f"{AD}, section 4: no input skip", input_skip=False),
        group("ours: small, for two cores", net_arch=(128, 96, 96), rank=4),
        group("ours: a standardised row cannot be small, so nor can the noise of a value", standardise=False),
        group(OURS, value_scale=0.1, learning_rate=2e-3),
        group(PQN, num_envs=128, rollout_length=32, trace_decay=0.65, epochs=2, num_minibatches=32),
        group(PQN, max_gradient_norm=10.0, epsilon_fraction=0.1),
        group(f"{AD}, appendix G", epsilon_end=0.01),
        group(f"{AD}, figure of MinAtar", total_timesteps=5_000_000),
    ],
}
_AD_PQN["gymnasium"] = [*_AD_PQN["classic"], group("ours", total_timesteps=1_000_000)]

PRESETS: dict[str, Preset] = {
    "ad_pqn": Preset("Artificial Dopamine, parallel Q(λ): fast, the default", ParallelSettings, _AD_PQN),
    "ad_dqn": Preset("Artificial Dopamine as in the paper: replay and double-Q", ReplaySettings, _AD_REPLAY),
    "ad_dqn_released": Preset(
        "Artificial Dopamine as the published script runs it, its faults in bookkeeping aside",
        ReplaySettings,
        {
            "all": [
                group(f"{CODE}, scripts/train.py", net_arch=(128, 96, 96), learning_rate=2.5e-4, batch_size=512),
                group(f"{CODE}, scripts/train.py", train_every=2, target_every=1000, learning_starts=50_000),
                group(f"{CODE}, scripts/train.py", epsilon_end=0.01, epsilon_fraction=0.1, replay_capacity=4_000_000),
                group(
                    f"{CODE}, scripts/train.py", input_skip=True, forward_gain=1.0, recurrent_gain=1.0, discount=0.99
                ),
                group(f"{CODE}, ad_dqn.py", optimiser="adam", adam_b2=0.99, max_gradient_norm=1.0, context_length=10),
                group(f"{CODE}, ad_layers.py", cell="attention", rank=8, standardise=True, value_scale=1.0),
                group(f"{CODE}, scripts/train.py", total_timesteps=4_000_000),
            ]
        },
    ),
    "dqn": Preset(
        "plain double DQN, the reference of the paper: fully connected 1024-512-512",
        ReplaySettings,
        {
            "all": [*_AD_REPLAY["all"], _PLAIN, group(f"{AD}, section 4", net_arch=(1024, 512, 512))],
            **{
                name: [*_AD_REPLAY[name], _PLAIN, group(f"{AD}, section 4", net_arch=(1024, 512, 512))]
                for name in ("classic", "minatar", "gymnasium")
            },
        },
    ),
    "pqn": Preset(
        "plain PQN with layer norm: parallel Q(λ) and backpropagation",
        ParallelSettings,
        {
            name: [
                *groups,
                _PLAIN,
                group(PQN, layer_norm=True),
                group("ours: a linear readout starts small by itself", value_scale=1.0),
            ]
            for name, groups in _AD_PQN.items()
        },
    ),
}


def resolve_preset(algo: str, env: str, benchmark: str) -> Resolved:
    """Return the settings of `algo` for an environment.

    Raises:
        UnknownNameError: `algo` is not in the table.
    """
    if algo not in PRESETS:
        raise UnknownNameError("algorithm", algo, list(PRESETS), command="accumbens algos")
    preset = PRESETS[algo]
    values: dict[str, Any] = {"total_timesteps": 1_000_000}
    sources: dict[str, str] = {}
    for scope in ("all", benchmark, env):
        for source, given in preset.groups.get(scope, []):
            values |= given
            sources |= dict.fromkeys(given, source)
    total_timesteps = values.pop("total_timesteps")
    settings = preset.learner(**values)
    return Resolved(settings, total_timesteps, sources)


def override(settings: AgentSettings, **changes: Any) -> AgentSettings:
    """Return the settings with some fields changed."""
    return dataclasses.replace(settings, **changes)
