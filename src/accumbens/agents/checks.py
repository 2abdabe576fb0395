"""What values settings may have: those that no agent could use are refused, with what is allowed instead."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from accumbens.agents.settings import (
    AgentSettings,
    ParallelSettings,
    SACSettings,
    SegmentSettings,
    SequenceSettings,
    Settings,
)
from accumbens.agents.token_settings import SMALL, TokenSettings
from accumbens.errors import AccumbensError, require


def check_settings(settings: AgentSettings) -> None:
    """Refuse values that no agent could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """

    each = partial(_require_each, settings)
    parallel = isinstance(settings, ParallelSettings)
    each(["net_arch"], "at least one number >= 1", lambda sizes: min(sizes, default=0) >= 1)
    counts = ["rank", "num_envs"]
    counts += (
        ["rollout_length", "epochs", "num_minibatches"]
        if parallel
        else ["replay_capacity", "batch_size", "train_every", "updates_per_phase", "target_every"]
    )
    each(counts, ">= 1", lambda value: value >= 1)
    fractions = ["discount", "epsilon_start", "epsilon_end", "epsilon_fraction", "warmup_fraction"]
    each([*fractions, "trace_decay"] if parallel else fractions, "from 0 to 1", lambda value: 0 <= value <= 1)
    each(["adam_b1", "adam_b2"], "from 0 to below 1", lambda value: 0 <= value < 1)
    each(["learning_rate", "reward_scale", "value_scale"], "> 0 and finite", lambda value: 0 < value < math.inf)
    each(["max_gradient_norm"], "> 0; inf never clips", lambda value: value > 0)
    each(["learning_rate_end"], ">= 0 and finite", lambda value: 0 <= value < math.inf)
    each(["forward_gain", "recurrent_gain"], "finite, or none", lambda value: value is None or math.isfinite(value))
    optional = ["goodness_width", "convolution"]
    each(optional, ">= 1, or none", lambda value: value is None or value >= 1)
    each(["num_quantiles"], ">= 1", lambda value: value >= 1)
    each(["huber_threshold"], ">= 0 and finite", lambda value: 0 <= value < math.inf)
    _require_fitting(settings)
    each(["duration_exponent"], "> 1 and finite, or none", lambda value: value is None or 1 < value < math.inf)
    if isinstance(settings, SegmentSettings):
        each(["segments", "replay_capacity"], ">= 1", lambda value: value >= 1)
        each(["learning_starts"], ">= 0", lambda value: value >= 0)
        each(["priority_exponent"], ">= 0 and finite", lambda value: 0 <= value < math.inf)
    if isinstance(settings, SequenceSettings):
        _require_through_time(settings)
    elif parallel:
        stretches = "segments" if isinstance(settings, SegmentSettings) else "num_envs"
        rows = getattr(settings, stretches) * settings.rollout_length
        allowed = f"a divisor of {stretches} * rollout_length = {rows}"
        each(["num_minibatches"], allowed, lambda value: rows % value == 0)
    else:
        each(["learning_starts", "context_length"], ">= 0", lambda value: value >= 0)


def _require_fitting(settings: AgentSettings) -> None:
    """Refuse settings that exclude one another, or that nothing would read."""
    quantiles = settings.readout == "quantile"
    losses = ("quantile_huber", "expectile") if quantiles else ("squared", "huber")
    allowed = f"{' or '.join(losses)} with readout={settings.readout}"
    require("loss", settings.loss, allowed, settings.loss in losses)
    allowed = "> 0 with loss=huber"
    require("huber_threshold", settings.huber_threshold, allowed, settings.loss != "huber" or settings.huber_threshold)
    allowed = "off with cell=mlp, whose readout is linear: an action would be worth the same in all states"
    fits = not (settings.action_conditioning and settings.cell == "mlp")
    require("action_conditioning", settings.action_conditioning, allowed, fits)
    allowed = "none with cell=dot"
    require("convolution", settings.convolution, allowed, settings.convolution is None or settings.cell != "dot")
    allowed = f"off with readout={settings.readout}; it is for readout=goodness"
    fits = settings.readout == "goodness" or not settings.value_offset
    require("value_offset", settings.value_offset, allowed, fits)


def _require_through_time(settings: SequenceSettings) -> None:
    """Refuse settings by which no gradient could go through time as they say."""
    each = partial(_require_each, settings)
    allowed = ">= 2, or none; a single step is time_credit=none"
    each(["bptt_steps"], allowed, lambda value: value is None or value >= 2)
    allowed = f"a divisor of num_envs = {settings.num_envs}"
    each(["num_minibatches"], allowed, lambda value: settings.num_envs % value == 0)
    allowed = "none with time_credit=" + settings.time_credit
    each(["bptt_steps"], allowed, lambda value: value is None or settings.time_credit == "bptt")
    if settings.recurrent_units:
        each(["recurrent_gain"], "1 with recurrent_units, whose state it is", lambda value: value == 1)
        each(["net_arch"], ">= 4 everywhere with recurrent_units", lambda sizes: min(sizes) >= 4)
    else:
        allowed = "on with time_credit=traces, which only these have"
        each(["recurrent_units"], allowed, lambda value: settings.time_credit != "traces")


def check_sac_settings(settings: SACSettings) -> None:
    """Refuse values that SAC could not use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """

    each = partial(_require_each, settings)
    each(["credit"], "backprop: SAC's networks are trained as a whole", lambda value: value == "backprop")
    each(["net_arch"], "at least one number >= 1", lambda sizes: min(sizes, default=0) >= 1)
    counts = ["replay_capacity", "batch_size", "train_every", "updates_per_phase", "num_envs"]
    each(counts, ">= 1", lambda value: value >= 1)
    each(["discount", "target_rate"], "from 0 to 1", lambda value: 0 <= value <= 1)
    each(["learning_rate"], "> 0 and finite", lambda value: 0 < value < math.inf)
    allowed = "> 0 and finite, or none"
    each(["entropy_coefficient"], allowed, lambda value: value is None or 0 < value < math.inf)
    each(["learning_starts"], ">= 0", lambda value: value >= 0)
    allowed = f"a multiple of num_envs = {settings.num_envs}"
    each(["train_every"], allowed, lambda value: value % settings.num_envs == 0)


def check_token_settings(settings: TokenSettings) -> None:
    """Refuse values that no language agent could use.

    Raises:
        AccumbensError: names the value and what is allowed.
    """

    each = partial(_require_each, settings)
    each(["credit"], "backprop: a transformer is trained as a whole", lambda value: value == "backprop")
    each(["discount", "trace_decay"], "from 0 to 1", lambda value: 0 <= value <= 1)
    fractions = ["inner_discount", "inner_trace_decay", "target_rate"]
    each(fractions, "from 0 to 1, or none", lambda value: value is None or 0 <= value <= 1)
    counts = ["width", "blocks", "heads", "lora_rank", "max_tokens", "epochs", "num_minibatches", "num_envs"]
    each([*counts, "rollout_length"], ">= 1", lambda value: value >= 1)
    each(["critic_layers"], "numbers >= 1, or none", lambda sizes: min(sizes, default=1) >= 1)
    rates = ["learning_rate", "critic_learning_rate", "lora_alpha"]
    each(rates, "> 0 and finite", lambda value: 0 < value < math.inf)
    each(["clip", "max_gradient_norm"], "> 0; inf never clips", lambda value: value > 0)
    each(["value_clip", "max_kl"], "> 0, or none", lambda value: value is None or value > 0)
    each(["entropy_coefficient"], ">= 0 and finite", lambda value: 0 <= value < math.inf)
    each(["penalty"], "0 or less, and finite", lambda value: -math.inf < value <= 0)
    _require_language(settings)
    rows = settings.num_envs * settings.rollout_length
    allowed = f"a divisor of num_envs * rollout_length = {rows}"
    each(["num_minibatches"], allowed, lambda value: rows % value == 0)


def _require_language(settings: TokenSettings) -> None:
    """Refuse settings that exclude one another, or that nothing would read."""
    each = partial(_require_each, settings)
    halves = settings.width % (2 * settings.heads) == 0
    each(["width"], f"a multiple of 2 * heads = {2 * settings.heads}", lambda _: halves)
    allowed = f"false with model={SMALL}, which is not read from a file"
    each(["quantised"], allowed, lambda value: not (value and settings.model == SMALL))
    if settings.prompt != "chat" and "{observation}" not in settings.prompt:
        raise AccumbensError(
            f"prompt={settings.prompt!r} cannot be used: it must be chat, or a text with {{observation}} in it"
        )
    actions = settings.policy == "actions"
    each(["normalisation"], "sum, but for policy=actions", lambda value: actions or value == "sum")
    allowed = "own with rule=twosome, which learns the probabilities of whole actions"
    each(["likelihood"], allowed, lambda value: value == "own" or settings.rule != "twosome")
    allowed = "none with target_rate: a value that is clipped about another critic's would not move"
    each(["value_clip"], allowed, lambda value: value is None or settings.target_rate is None)


def _require_each(settings: Settings, names: Sequence[str], allowed: str, holds: Callable[[Any], bool]) -> None:
    for name in names:
        value = getattr(settings, name)
        require(name, value, allowed, holds(value))
