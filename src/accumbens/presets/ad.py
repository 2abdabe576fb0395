"""Presets of Artificial Dopamine.

Guan et al. (2024), "Temporal-difference learning using distributed error signals", NeurIPS 2024.
"""

from accumbens.agents.settings import ParallelSettings, ReplaySettings, SegmentSettings, SequenceSettings
from accumbens.presets.table import AD, AD_CODE, OURS, PQN, Preset, group, laid_over

AD_QUANTILES = {
    "all": [
        group(f"{AD}, section 5 (AD-QR)", readout="quantile", num_quantiles=10),
        group("Dabney et al. (2018); the published code as shipped has expectile", loss="quantile_huber"),
        group("Dabney et al. (2018)", huber_threshold=1.0),
    ]
}

# What the paper says of every agent; cell, the optimiser's b2, K and learning_starts come from the published code only.
AD_REPLAY = {
    "all": [
        group(f"{AD_CODE}, ad_layers.py (that of section 3.1 is dot)", cell="attention"),
        group(f"{AD}, section 3.1: no recurrence", recurrent_gain=None, forward_gain=1.0),
        group(f"{AD}, appendix G", batch_size=512, discount=0.99, train_every=4, target_every=1000),
        group(f"{AD}, appendix G", max_gradient_norm=1.0, loss="squared"),
        group(AD_CODE, optimiser="adam", adam_b2=0.99, context_length=10),
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
        group(f"{AD_CODE}, first version", learning_starts=20_000),
        group(f"{AD}, figure of MinAtar", total_timesteps=5_000_000),
    ],
}
AD_REPLAY["dmc"] = [
    group(f"{AD}, section 4 and appendix F", net_arch=(128, 96, 96), input_skip=True, rank=8),
    group(f"{AD}, appendix H", learning_rate=2.5e-4, replay_capacity=4_000_000),
    group(f"{AD}, appendix H", epsilon_end=0.01, epsilon_fraction=0.25),
    group(f"{AD_CODE}, scripts/train.py: the paper does not say", learning_starts=50_000),
    group(f"{AD}, figure of the control tasks", total_timesteps=4_000_000),
]
AD_REPLAY["gymnasium"] = AD_REPLAY["classic"]
# The built-in task of classical conditioning, of which the papers know nothing.
REPLAY_PROBE = [
    group("ours: three small cells, to see three", net_arch=(32, 32, 32)),
    group("ours: the delay is a few steps", discount=0.95, epsilon_end=0.05),
    group("ours: for a short run", num_envs=4, train_every=32, batch_size=128, learning_rate=1e-3),
    group("ours: for a short run", learning_starts=1000, replay_capacity=100_000, total_timesteps=100_000),
]
AD_REPLAY["probe"] = REPLAY_PROBE

AD_PARALLEL = {
    "all": [
        group("ours: Artificial Dopamine's cell", cell="attention", forward_gain=0.1, recurrent_gain=None),
        group("ours", optimiser="radam", adam_b2=0.999, learning_rate_schedule="linear"),
    ],
    "classic": [
        group("ours: keeps untrained values small beside the returns", value_scale=0.1, reward_scale=0.1),
        group("ours: a standardised row cannot be small, so nor can the noise of a value", standardise=False, rank=4),
        group(OURS, net_arch=(128, 96), num_envs=32, rollout_length=64, trace_decay=0.95, learning_rate=1e-3),
        group(OURS, epochs=4, num_minibatches=16, epsilon_end=0.02, epsilon_fraction=0.2),
        group(AD_CODE, max_gradient_norm=1.0),
        group(f"{AD}, figure of the classic tasks", total_timesteps=1_000_000),
    ],
    "CartPole-v1": [group("ours: enough", total_timesteps=250_000)],
    "MountainCar-v0": [
        group("ours: the velocity is 20 times smaller than the position", scale_observations=True),
        group("ours: untrained values that differ between states explore", value_scale=1.0),
        group("Dabney et al. (2021): single random steps seldom climb the hill", duration_exponent=2.0),
        group("ours: a random action now lasts", epsilon_end=0.01),
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
AD_PARALLEL["dmc"] = [
    group(f"{AD}, section 4", net_arch=(128, 96, 96), input_skip=True),
    group("ours: keeps untrained values small beside the returns", value_scale=0.1, reward_scale=0.1),
    group("ours: 64 joint actions learn slower (walker-walk, 200 000 steps)", discretisation="factored"),
    group("ours", num_envs=16, rollout_length=32, trace_decay=0.9, learning_rate=5e-4),
    group("ours", epochs=4, num_minibatches=8, epsilon_end=0.02, epsilon_fraction=0.2),
    group(AD_CODE, max_gradient_norm=1.0),
    group("ours", total_timesteps=2_000_000),
]
AD_PARALLEL["gymnasium"] = AD_PARALLEL["classic"]
# The built-in task of classical conditioning, for seconds of training. Measured there, 5 seeds, on the TD errors of
# probe trials after 100 000 steps: within 0.01 of the exact ones; before, cells of 32 with a value_scale of 0.1 have an
# untrained response to the cue of ± 0.3 over seeds, which hides what is learned.
AD_PARALLEL["probe"] = [
    group("ours: three small cells, to see three", net_arch=(32, 32, 32), rank=4, standardise=False),
    group("ours: untrained values stay small beside a reward of 1", value_scale=0.03, reward_scale=1.0),
    group("ours: the delay is a few steps", discount=0.95),
    group("ours", num_envs=32, rollout_length=32, trace_decay=0.65, epochs=2, num_minibatches=8),
    group("ours: without noise beside the action, which changes nothing", epsilon_end=0.05, learning_rate=2e-3),
    group("ours: enough, and seconds", total_timesteps=100_000),
]

AD_SEGMENTS = {
    "all": [
        group("ours: 16 samples of every step", num_envs=16, rollout_length=64, segments=128, epochs=2),
        group("ours: batches of 512, as in appendix G of Guan et al.", num_minibatches=16),
        group("ours: for two cores", rank=4, standardise=False),
    ],
    "dmc": [
        group(f"{OURS} (hopper-hop)", priority_exponent=0.6),
        group(f"{OURS} (hopper-hop): more and smaller steps", epochs=4, num_minibatches=64),
        group("ours", learning_rate=3e-4, learning_rate_schedule="constant", total_timesteps=1_000_000),
    ],
}

CONSTANT_KEYS = {"all": [group("ours: computes no keys from the input", cell="constant_key")]}

RECURRENT_TRACES = {
    "all": [
        group("Elelimy et al. (2024), in every cell: ours", recurrent_units=True, recurrent_gain=1.0),
        group("ours: credit through depth stays local, credit through time is exact", time_credit="traces"),
    ]
}

AD_RELEASED = {
    "all": [
        group(f"{AD_CODE}, scripts/train.py", net_arch=(128, 96, 96), learning_rate=2.5e-4, batch_size=512),
        group(f"{AD_CODE}, scripts/train.py", train_every=2, target_every=1000, learning_starts=50_000),
        group(f"{AD_CODE}, scripts/train.py", epsilon_end=0.01, epsilon_fraction=0.1, replay_capacity=4_000_000),
        group(f"{AD_CODE}, scripts/train.py", input_skip=True, forward_gain=1.0, recurrent_gain=1.0, discount=0.99),
        group(f"{AD_CODE}, ad_dqn.py", optimiser="adam", adam_b2=0.99, max_gradient_norm=1.0, context_length=10),
        group(f"{AD_CODE}, ad_layers.py", cell="attention", rank=8, standardise=True, value_scale=1.0),
        group(f"{AD_CODE}, scripts/train.py", total_timesteps=4_000_000),
    ],
    "probe": REPLAY_PROBE,
}

PRESETS: dict[str, Preset] = {
    "ad_pqn": Preset("Artificial Dopamine, parallel Q(λ): fast, the default", ParallelSettings, AD_PARALLEL),
    "ad_ck_pqn": Preset(
        "AD-CK, Artificial Dopamine with constant keys (ours), parallel Q(λ)",
        ParallelSettings,
        laid_over(AD_PARALLEL, CONSTANT_KEYS),
    ),
    "ad_rtu_pqn": Preset(
        "Artificial Dopamine with recurrent units (ours): local credit through depth, exact traces through time",
        SequenceSettings,
        laid_over(AD_PARALLEL, RECURRENT_TRACES),
    ),
    "ad_dqn": Preset("Artificial Dopamine as in the paper: replay and double-Q", ReplaySettings, AD_REPLAY),
    "ad_dqn_lambda": Preset(
        "Artificial Dopamine, Q(λ) over replayed segments: replay that two cores can pay",
        SegmentSettings,
        laid_over(AD_PARALLEL, AD_SEGMENTS),
    ),
    "ad_ck_dqn_lambda": Preset(
        "AD-CK (ours), Q(λ) over replayed segments",
        SegmentSettings,
        laid_over(laid_over(AD_PARALLEL, AD_SEGMENTS), CONSTANT_KEYS),
    ),
    "ad_dqn_released": Preset(
        "Artificial Dopamine as the published script runs it, its faults in bookkeeping aside",
        ReplaySettings,
        AD_RELEASED,
    ),
    "ad_qrdqn": Preset(
        "Artificial Dopamine with quantiles in every cell: replay, double-Q, quantile Huber loss",
        ReplaySettings,
        laid_over(AD_REPLAY, AD_QUANTILES),
    ),
    "ad_qrdqn_released": Preset(
        "Artificial Dopamine with quantiles as the published script runs it: in truth expectiles",
        ReplaySettings,
        laid_over(
            AD_RELEASED,
            {"all": [*AD_QUANTILES["all"], group(f"{AD_CODE}, ad_qrdqn.py, huber_loss=False", loss="expectile")]},
        ),
    ),
    "ad_qr_pqn": Preset(
        "Artificial Dopamine with quantiles in every cell, parallel Q(λ)",
        ParallelSettings,
        laid_over(AD_PARALLEL, AD_QUANTILES),
    ),
}
