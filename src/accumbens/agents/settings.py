"""Every setting of an agent, with its meaning beside it. Importing this needs neither JAX nor NumPy."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from accumbens.agents.token_settings import TokenSettings


@dataclass(frozen=True, kw_only=True)
class CommonSettings:
    """The cell, the readout, the credit, and what both learners share."""

    # observation
    scale_observations: bool | None = None
    """Map components with finite bounds to [-1, 1]; none leaves them, and divides by 255 where all have the bounds of
    bytes, 0 and 255, as pictures have. Boolean observations stay as they are."""
    # cell, readout and wiring
    cell: Literal["attention", "constant_key", "dot", "mlp"] | str = "attention"
    """What one layer computes: attention (AD as released), constant_key (the same with learned keys), dot (AD as in the
    equations), mlp (linear readout), or module:id for a registered cell."""
    net_arch: tuple[int, ...] = (128, 96)
    """Hidden units of every cell, from the observation upward."""
    rank: int = 8
    """Rank of the attention matrix of an attention cell."""
    standardise: bool = True
    """Standardise each row of the attention matrix before the tanh."""
    layer_norm: bool = True
    """Normalise the hidden activity (attention and mlp cells)."""
    convolution: int | None = None
    """Channels of a 3 × 3 convolution through which the first cell sees an image; none for a fully connected one."""
    readout: Literal["value", "quantile", "goodness"] | str = "value"
    """How a cell predicts the value of an action: as one number, as quantiles of the return, as the goodness of a
    vector (ARQ), or module:id for a registered readout."""
    num_quantiles: int = 10
    """Number of quantiles of a quantile readout."""
    goodness: Literal["rms", "mean", "mean_square", "variance"] = "rms"
    """How a goodness readout turns a vector into a number; rms and variance are taken about the mean."""
    goodness_width: int | None = None
    """Length of the vector of a goodness readout; none takes the cell's number of hidden units, as in the paper."""
    value_offset: bool = False
    """Add a learned number per cell to a goodness readout, so that values may be negative."""
    action_conditioning: bool = False
    """Let the action join the attention factors, and value one candidate after the other (attention and dot cells)."""
    value_scale: float = 1.0
    """Factor on every value that a cell predicts."""
    input_skip: bool = True
    """Give the observation to every cell."""
    forward_gain: float | None = 1.0
    """Gain of the connection from the cell above, one step ago; none leaves it out."""
    recurrent_gain: float | None = 1.0
    """Gain of the connection from the cell itself, one step ago; none leaves it out."""
    every_cell_predicts: bool = True
    """Every cell predicts the value and learns from its own error; otherwise only the top cell does."""
    act_on: Literal["mean", "top"] = "mean"
    """Act on the mean over all cells' values, or on the top cell's alone."""
    # credit
    credit: Literal["local", "backprop"] = "local"
    """Where the gradient stops: at every cell, or nowhere."""
    # TD error
    discount: float = 0.99
    """Discount γ of the TD target."""
    reward_scale: float = 1.0
    """Factor on the rewards the learner sees; returns are always reported unscaled."""
    bootstrap: Literal["own", "mean"] = "own"
    """Whose next value a cell's TD target takes: the cell's own, or the mean over cells (then all have one target)."""
    loss: Literal["squared", "huber", "quantile_huber", "expectile"] = "squared"
    """Loss of one TD error; for quantiles the quantile Huber loss, or the asymmetric square of the published code."""
    huber_threshold: float = 1.0
    """κ of both Huber losses: where the square becomes linear; 0 makes quantile_huber plain quantile regression."""
    # optimiser, one per cell
    optimiser: Literal["adam", "radam"] = "adam"
    """Optimiser of every cell."""
    learning_rate: float = 2.5e-4
    """Learning rate, at its peak if it is scheduled."""
    learning_rate_end: float = 0.0
    """Learning rate at the end of a linear or warmup_cosine schedule."""
    learning_rate_schedule: Literal["constant", "linear", "warmup_cosine"] = "constant"
    """How the learning rate changes over the run."""
    warmup_fraction: float = 0.1
    """Fraction of the run over which a warmup_cosine schedule rises."""
    adam_b1: float = 0.9
    """Decay of the optimiser's first moment."""
    adam_b2: float = 0.99
    """Decay of the optimiser's second moment."""
    max_gradient_norm: float = 1.0
    """Each cell's own gradient is clipped to this global norm."""
    # exploration
    epsilon_start: float = 1.0
    """Probability ε of a random action, at the start."""
    epsilon_end: float = 0.01
    """Probability ε of a random action, after its decay."""
    epsilon_fraction: float = 0.1
    """Fraction of the run over which ε decays linearly."""
    duration_exponent: float | None = None
    """Repeat exploratory actions for n steps with probability ∝ n^-μ (εz-greedy); none explores single steps."""
    # environments
    num_envs: int = 1
    """Environments stepped side by side."""
    discretisation: Literal["joint", "factored"] = "joint"
    """How continuous actions become bang-bang: joint chooses among all corners of the box; factored chooses low or high
    in each dimension."""
    overlap: bool = False
    """On the host, learn from one block while the next is collected with parameters that are one block old; for
    machines with cores to spare or an accelerator."""


@dataclass(frozen=True, kw_only=True)
class ParallelSettings(CommonSettings):
    """The parallel learner: Q(λ) over many environments, no replay, no target network."""

    rollout_length: int = 32
    """Steps of each environment between learning phases (T)."""
    trace_decay: float = 0.65
    """λ of the Q(λ) return."""
    epochs: int = 2
    """Passes over the collected steps per learning phase (E)."""
    num_minibatches: int = 32
    """Minibatches per pass (M)."""


@dataclass(frozen=True, kw_only=True)
class ReplaySettings(CommonSettings):
    """The replay learner: double-Q inside each cell, target network, uniform replay with a replayed context."""

    replay_capacity: int = 1_000_000
    """Environment steps that the replay buffer holds."""
    batch_size: int = 512
    """Transitions per update."""
    train_every: int = 4
    """Environment steps between learning phases (all environments counted)."""
    updates_per_phase: int = 1
    """Updates per learning phase."""
    target_every: int = 1000
    """Environment steps between copies into the target network."""
    learning_starts: int = 50_000
    """Environment steps before the first update; ε decays from here on."""
    context_length: int = 10
    """Earlier steps of the episode replayed from zeros to recover the carry (K)."""
    stored_carry: bool = False
    """Store the carry with every step instead of replaying the context."""


@dataclass(frozen=True, kw_only=True)
class SegmentSettings(ParallelSettings):
    """The segment learner: Q(λ) over stretches of T steps drawn from a replay, no target network."""

    replay_capacity: int = 1_000_000
    """Environment steps that the replay holds."""
    segments: int = 128
    """Stretches of T steps drawn per learning phase; `num_minibatches` divides their steps."""
    priority_exponent: float = 0.0
    """Draw stretches in proportion to their mean TD error of last time, of all cells, to this power; 0 draws
    uniformly."""
    learning_starts: int = 10_000
    """Environment steps before the first update; ε decays from here on."""


@dataclass(frozen=True, kw_only=True)
class SequenceSettings(ParallelSettings):
    """The sequence learner: Q(λ) over blocks that are learned from in the order of time, with credit through time."""

    recurrent_units: bool = True
    """Half of every cell's hidden units are the real and imaginary parts of recurrent units; off leaves a cell that
    knows its past by the recurrent connection alone."""
    time_credit: Literal["none", "traces", "bptt"] = "traces"
    """How a cell's error reaches what the cell did earlier: not at all; by traces, exact and forward only; or by
    backpropagation through time within a block."""
    bptt_steps: int | None = None
    """Steps after which backpropagation through time is cut; none cuts it only where a block begins."""
    num_envs: int = 32
    """Environments stepped side by side."""
    num_minibatches: int = 8
    """Minibatches per pass (M), each of whole environments."""


AgentSettings = ParallelSettings | SegmentSettings | SequenceSettings | ReplaySettings


@dataclass(frozen=True, kw_only=True)
class SACSettings:
    """Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905) as SBX has it; the numbers are SBX's defaults.

    It chooses continuous actions as they are, and trains an actor and two critics by backpropagation: the yardstick of
    continuous control, not one of our agents.
    """

    noun: ClassVar[str] = "SAC"

    net_arch: tuple[int, ...] = (256, 256)
    """Hidden units of every layer, the same in the actor and both critics."""
    credit: Literal["local", "backprop"] = "backprop"
    """Where the gradient stops: nowhere, as SAC's networks are trained as a whole."""
    discount: float = 0.99
    """Discount γ of the TD target."""
    entropy_coefficient: float | None = None
    """Weight α of the policy's entropy; none learns it, with minus the number of action dimensions as target
    entropy."""
    learning_rate: float = 3e-4
    """Learning rate of Adam, for actor, critics and entropy coefficient."""
    replay_capacity: int = 1_000_000
    """Environment steps that the replay buffer holds."""
    batch_size: int = 256
    """Transitions per update."""
    train_every: int = 1
    """Environment steps between learning phases (all environments counted)."""
    updates_per_phase: int = 1
    """Updates per learning phase."""
    target_rate: float = 0.005
    """Polyak coefficient τ: how far the target critics move towards the critics after every update, as a fraction."""
    learning_starts: int = 100
    """Environment steps before the first update; until then actions are drawn uniformly."""
    num_envs: int = 1
    """Environments stepped side by side."""


SettingsWithoutCells = SACSettings | TokenSettings
"""Of learners that are not made of cells; `noun` says what each is."""

Settings = AgentSettings | SettingsWithoutCells
