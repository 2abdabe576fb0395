"""Presets of ARQ, action-conditioned RMS values.

Text, table and code of the paper disagree: ε ends at 0.01 in the text and 0.05 in the table; the learning rate on
control tasks is 1e-4 in both and 2.5e-4 in the code; the code adds recurrence, and clips at 0.1 on control tasks. `arq`
follows the text, then the table, then the code; `arq_released` the code. By the authors' own word the published code
does not reproduce their Seaquest and Asterix.
"""

from accumbens.agents.settings import ParallelSettings, ReplaySettings, SegmentSettings
from accumbens.presets.ad import AD_PARALLEL, AD_SEGMENTS, REPLAY_PROBE
from accumbens.presets.table import ARQ, ARQ_CODE, Preset, group, laid_over

ARQ_CELL = {
    "all": [
        group(f"{ARQ}, algorithm 2 (the equations condition the activity too)", action_conditioning=True),
        group(f"{ARQ}, eq. 14", cell="attention", readout="goodness", goodness="rms"),
        group(f"{ARQ}, section 4: free; as wide as the cell in its code", goodness_width=None, value_offset=False),
    ]
}

_ARQ_NARROW = {
    "all": [*ARQ_CELL["all"], group("ours: a quarter as wide is a tenth of the work", goodness_width=32)],
}

_ARQ_COMMON = [
    *ARQ_CELL["all"],
    group(f"{ARQ_CODE}, ad_layers.py", rank=8, standardise=True, layer_norm=True, value_scale=1.0),
    group(f"{ARQ}, section 5 and table 4", batch_size=512, learning_starts=50_000, total_timesteps=4_000_000),
    group(f"{ARQ_CODE}, scripts/train.py", discount=0.99, train_every=4, target_every=1000, context_length=10),
    group(f"{ARQ_CODE}, ad_dqn.py", loss="squared", optimiser="adam", adam_b2=0.99),
    group(f"{ARQ}, section 5", input_skip=True, forward_gain=1.0),
]

_ARQ_REPLAY = {
    "all": [
        *_ARQ_COMMON,
        group(f"{ARQ}, section 5: no recurrence is mentioned (on in its code)", recurrent_gain=None),
        group(f"{ARQ}, section 5 (2.5e-4 on control tasks in its code)", learning_rate=1e-4),
        group(f"{ARQ}, section 5 (table 4: 0.05)", epsilon_end=0.01),
        group(f"{ARQ}, section 5 and table 4 (0.25 on control tasks in its code)", epsilon_fraction=0.1),
        group(f"{ARQ}, section 5", net_arch=(128, 96, 96)),
        group(f"{ARQ}, table 4 (5e6 on MinAtar in its code)", replay_capacity=4_000_000),
        group(f"{ARQ_CODE}: the paper does not say (0.1 on control tasks in its code)", max_gradient_norm=1.0),
    ],
    "minatar": [group(f"{ARQ}, section 5", net_arch=(400, 200, 200))],
    "classic": [
        group("ours: the papers have no ARQ here; as ad_dqn", net_arch=(128, 96), learning_starts=10_000),
        group("ours", total_timesteps=1_000_000, replay_capacity=1_000_000),
    ],
}
_ARQ_REPLAY["gymnasium"] = _ARQ_REPLAY["classic"]
_ARQ_REPLAY["probe"] = REPLAY_PROBE

_ARQ_RELEASED = {
    "all": [
        *_ARQ_COMMON,
        group(f"{ARQ_CODE}, scripts/train.py", recurrent_gain=1.0, epsilon_end=0.01),
        group(f"{ARQ_CODE}, scripts/train.py", net_arch=(128, 96, 96), learning_rate=2.5e-4, max_gradient_norm=0.1),
        group(f"{ARQ_CODE}, scripts/train.py", epsilon_fraction=0.25, replay_capacity=4_000_000),
    ],
    "minatar": [
        group(f"{ARQ_CODE}, scripts/train.py", net_arch=(400, 200, 200), learning_rate=1e-4, max_gradient_norm=1.0),
        group(f"{ARQ_CODE}, scripts/train.py", epsilon_fraction=0.1, replay_capacity=5_000_000),
    ],
    "probe": REPLAY_PROBE,
}

PRESETS: dict[str, Preset] = {
    "arq": Preset("ARQ as in its paper: action-conditioned RMS values, replay", ReplaySettings, _ARQ_REPLAY),
    "arq_released": Preset(
        "ARQ as the published script runs it, its faults in bookkeeping aside", ReplaySettings, _ARQ_RELEASED
    ),
    "arq_pqn": Preset("ARQ with the parallel learner", ParallelSettings, laid_over(AD_PARALLEL, _ARQ_NARROW)),
    "arq_dqn_lambda": Preset(
        "ARQ, Q(λ) over replayed segments: replay that two cores can pay",
        SegmentSettings,
        laid_over(laid_over(AD_PARALLEL, AD_SEGMENTS), _ARQ_NARROW),
    ),
}
