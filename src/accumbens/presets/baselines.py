"""Presets of plain networks, trained by backpropagation."""

from accumbens.agents.settings import ParallelSettings, ReplaySettings
from accumbens.presets.ad import AD_PARALLEL, AD_REPLAY
from accumbens.presets.table import AD, PQN, Preset, group, laid_over

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

PRESETS: dict[str, Preset] = {
    "dqn": Preset(
        "plain double DQN, the reference of the paper: fully connected 1024-512-512",
        ReplaySettings,
        laid_over(AD_REPLAY, {"all": [_PLAIN, group(f"{AD}, section 4", net_arch=(1024, 512, 512))]}),
    ),
    "pqn": Preset(
        "plain PQN with layer norm: parallel Q(λ) and backpropagation",
        ParallelSettings,
        laid_over(
            AD_PARALLEL,
            {
                "all": [
                    _PLAIN,
                    group(PQN, layer_norm=True),
                    group("ours: a linear readout starts small by itself", value_scale=1.0),
                ]
            },
        ),
    ),
}
