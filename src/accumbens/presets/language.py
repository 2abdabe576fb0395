"""Presets of language agents, which differ in what the tokens of an action are told.

Wen et al. (2024), "Reinforcing language agents via policy optimization with action decomposition", NeurIPS 2024.
"""

from accumbens.agents.token_settings import TokenSettings
from accumbens.presets.table import Preset, group

_POAD = "Wen et al. (2024)"
_POAD_CODE = "Wen et al. (2024), published code"

_COMMON = [
    group(f"{_POAD}, VirtualHome", discount=0.95, trace_decay=0.95, epochs=5, num_minibatches=2),
    group(_POAD_CODE, clip=0.2, value_clip=0.2, max_kl=0.02, max_gradient_norm=0.5, rollout_length=32),
    group(_POAD, lora_rank=8, lora_alpha=16.0),
    group(
        "ours: for a small transformer that learns from scratch",
        num_envs=16,
        learning_rate=1e-3,
        critic_learning_rate=1e-3,
        entropy_coefficient=0.01,
        total_timesteps=50_000,
    ),
]

_SUMMARIES = {
    "poad": "every token has a TD error of its own, undiscounted inside an action (POAD)",
    "ntpo": "every token has a TD error of its own, discounted as steps are",
    "twosome": "all tokens of an action have the action's TD error",
    "archer": "discounted tokens, of which the last looks ahead to the next action's last",
    "archer-bad": "undiscounted tokens, of which the last looks ahead to the next action's last",
}

PRESETS: dict[str, Preset] = {
    name: Preset(
        f"a language model that acts by words: {summary}", TokenSettings, {"all": [*_COMMON, group(_POAD, rule=name)]}
    )
    for name, summary in _SUMMARIES.items()
}
