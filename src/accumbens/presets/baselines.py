"""Presets of plain networks, trained by backpropagation."""

import dataclasses

from accumbens.agents.settings import ParallelSettings, ReplaySettings, SACSettings
from accumbens.presets.ad import AD_PARALLEL, AD_QUANTILES, AD_REPLAY
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

_CONVOLUTIONAL = {
    "all": [group("Young & Tian (2019): 3 × 3, 16 channels, then 128 units", convolution=16, net_arch=(128,))],
}

_DQN = laid_over(AD_REPLAY, {"all": [_PLAIN, group(f"{AD}, section 4", net_arch=(1024, 512, 512))]})
_PQN = laid_over(
    AD_PARALLEL,
    {
        "all": [
            _PLAIN,
            group(PQN, layer_norm=True),
            group("ours: a linear readout starts small by itself", value_scale=1.0),
        ]
    },
)

PRESETS: dict[str, Preset] = {
    "dqn": Preset("plain double DQN, as in the AD paper: fully connected 1024-512-512", ReplaySettings, _DQN),
    "dqn_conv": Preset(
        "plain double DQN, the small convolutional network usual for MinAtar",
        ReplaySettings,
        laid_over(_DQN, _CONVOLUTIONAL),
    ),
    "qrdqn": Preset(
        "plain DQN with quantiles: fully connected 1024-512-512", ReplaySettings, laid_over(_DQN, AD_QUANTILES)
    ),
    "pqn": Preset(
        "plain PQN with layer norm and as many hidden units as ad_pqn: parallel Q(λ) and backpropagation",
        ParallelSettings,
        _PQN,
    ),
    "pqn_conv": Preset(
        "plain PQN, the small convolutional network usual for MinAtar",
        ParallelSettings,
        laid_over(_PQN, _CONVOLUTIONAL),
    ),
    "sac": Preset(
        "soft actor-critic of SBX, for continuous actions; needs the extra sac",
        SACSettings,
        {
            "all": [group("SBX, defaults", **dataclasses.asdict(SACSettings()))],
            # Guan et al. quote the numbers of pytorch_sac, whose 1024 × 2 units and batches of 1024 are slow without an
            # accelerator: --set net_arch=1024,1024 batch_size=1024 learning_rate=1e-4.
            "dmc": [group("Yarats & Kostrikov, pytorch_sac", learning_starts=5000)],
        },
    ),
}
