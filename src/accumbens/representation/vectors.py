"""The vectors that values are read from, and their two principal components.

Of every cell the vector is taken that stands nearest to its value:

- `goodness` (ARQ): y(s, a), whose goodness is the value of a;
- `quantiles` (AD-QR): y(s, a), the quantiles of the return;
- `contributions` (AD): tanh(W_a) ⊙ h, what every hidden unit adds to the value of a, which is their sum;
- `activity` (plain cells, and cells that predict nothing): h, which is the same for all actions.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from accumbens.agents import network
from accumbens.agents.protocol import EnvironmentFacts
from accumbens.agents.settings import AgentSettings
from accumbens.cells import AttentionCell, Cell, ConstantKeyCell, DotCell, GoodnessReadout, QuantileReadout, Stack

Kind = Literal["goodness", "quantiles", "contributions", "activity"]
MEANINGS: dict[Kind, str] = {
    "goodness": "y(s, a), whose goodness is the value",
    "quantiles": "y(s, a), the quantiles of the return",
    "contributions": "tanh(W$_a$) ⊙ h, what each unit adds to the value",
    "activity": "hidden activity h",
}
CHUNK = 16
"""States whose vectors are computed at a time: a conditioned cell makes a matrix for every action."""


def kind_of(cell: Cell, predicts: bool) -> Kind:
    """Return which vector of a cell is looked at."""
    readout = getattr(cell, "readout", None)
    if not predicts:
        return "activity"
    if isinstance(readout, GoodnessReadout):
        return "goodness"
    if isinstance(readout, QuantileReadout):
        return "quantiles"
    return "contributions" if isinstance(cell, AttentionCell | ConstantKeyCell | DotCell) else "activity"


def kinds_of(stack: Stack) -> list[Kind]:
    """Return which vector of every cell is looked at."""
    top = len(stack.cells) - 1
    return [kind_of(cell, stack.every_cell_predicts or index == top) for index, cell in enumerate(stack.cells)]


def vectors_of(
    cell: Any, kind: Kind, x: Float[Array, " inputs"], candidates: Float[Array, "candidates features"] | None
) -> Float[Array, "actions width"]:
    """Return the vectors of one cell for one state: one per action, or a single one of kind `activity`."""
    if kind == "activity":
        return cell.hidden(x)[None]
    if kind == "contributions":
        h = cell.hidden(x)
        return cell.attention(x, candidates).reshape(-1, h.size) * h
    # As quantiles, the numbers that a readout is given come out as they are.
    bare = eqx.tree_at(lambda c: c.readout, cell, QuantileReadout(cell.readout.size))
    return bare(x, candidates).value.T


def make_vectors(settings: AgentSettings, env: EnvironmentFacts) -> Callable[..., tuple[Array, ...]]:
    """Return `vectors(stack, observation [states, ...], carry) -> [states, actions or 1, width]` of every cell.

    Args:
        settings: of the agent.
        env: the static facts of its environment.
    """
    codes, encode = network.value_function(settings, env).action_codes, network.make_encoder(settings, env)
    candidates = None if codes is None else jnp.asarray(codes)

    def vectors(stack: Stack, observation: Array, carry: Any) -> tuple[Array, ...]:
        def of_state(row: tuple[Array, Any]) -> tuple[Array, ...]:
            seen = zip(stack.cells, kinds_of(stack), stack.inputs(*row), strict=True)
            return tuple(vectors_of(cell, kind, x, candidates) for cell, kind, x in seen)

        return jax.lax.map(of_state, (encode(observation), carry), batch_size=CHUNK)

    return vectors


class Components(NamedTuple):
    """Two principal components.

    Attributes:
        scores: of every point.
        explained: part of the variance that each explains; 0 where nothing varies.
        correlation: of each with the values the points belong to, not negative, for that is how their signs are chosen;
            0 where one of the two does not vary.
    """

    scores: Float[np.ndarray, "points 2"]
    explained: Float[np.ndarray, " 2"]
    correlation: Float[np.ndarray, " 2"]


def principal_components(points: Float[np.ndarray, "points width"], values: Float[np.ndarray, " points"]) -> Components:
    """Return the first two principal components of points, by singular value decomposition about their mean.

    Args:
        points: one per row.
        values: a number per point, which only decides signs: it does not fall along a component.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    if min(centred.shape) < 2:
        centred = np.pad(centred, [(0, max(0, 2 - size)) for size in centred.shape])
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    scores = (u * s)[: len(points), :2]
    total = np.square(s).sum()
    if total <= 1e-24 * np.square(points, dtype=np.float64).sum():  # rounding of a mean
        return Components(np.zeros((len(points), 2)), np.zeros(2), np.zeros(2))
    correlation = np.array([pearson(score, values) for score in scores.T])
    scores = scores * np.where(correlation < 0, -1.0, 1.0)
    return Components(scores, np.square(s[:2]) / total, np.abs(correlation))


def pearson(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"]) -> float:
    """Return the correlation of two variables; 0 if one of them is constant."""
    a, b = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (a, b))
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths > 0 else 0.0


class Shares(NamedTuple):
    """What the variance of vectors over states × actions is due to; the rest is their interaction."""

    action: float
    state: float


def variance_shares(vectors: Float[np.ndarray, "states actions width"]) -> Shares:
    """Return the parts of the variance that lie between the means of actions, and between the means of states.

    A two-way analysis of variance without replication, summed over the components of the vectors; zeros if nothing
    varies.
    """
    vectors = vectors.astype(np.float64)
    mean = vectors.mean(axis=(0, 1))
    total = np.square(vectors - mean).sum(-1).mean()
    if total <= 1e-24 * np.square(vectors).sum(-1).mean():
        return Shares(0.0, 0.0)
    by_action, by_state = (np.square(vectors.mean(axis) - mean).sum(-1).mean() / total for axis in (0, 1))
    return Shares(float(by_action), float(by_state))
