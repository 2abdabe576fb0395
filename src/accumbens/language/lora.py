"""Low-rank adaptation: a frozen model of which only a correction of some of its matrices learns.

Reference: Hu et al. (2022), "LoRA: Low-rank adaptation of large language models".
"""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from accumbens.errors import UnknownNameError, require
from accumbens.language.matrices import Dense, LowRank, Quantised
from accumbens.language.transformer import Transformer

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
"""Those of a block, by name."""


@dataclass(frozen=True)
class LoraSettings:
    """What of a model learns: W + (alpha / rank) B A in place of W.

    Attributes:
        rank: rows of A and columns of B.
        alpha: of the scale alpha / rank.
        matrices: which of every block's matrices: q, k, v, o, gate, up, down.
    """

    rank: int = 8
    alpha: float = 16.0
    matrices: tuple[str, ...] = ("q", "v")

    def __post_init__(self):
        """Refuse what makes no correction.

        Raises:
            AccumbensError: names the value and what is allowed.
        """
        require("rank", self.rank, "1 or more", self.rank >= 1)
        require("alpha", self.alpha, "positive", self.alpha > 0)
        require("matrices", self.matrices, "one or more names, each once", self.matrices)
        require("matrices", self.matrices, "different names", len(set(self.matrices)) == len(self.matrices))
        for name in self.matrices:
            if name not in MATRICES:
                raise UnknownNameError("matrix", name, MATRICES)


def with_lora(model: Transformer, settings: LoraSettings, *, key: PRNGKeyArray) -> Transformer:
    """Return the model with corrections that are zero as yet: it computes the same, to the bit."""
    width = model.settings.width
    require("rank", settings.rank, f"at most the model's width {width}", settings.rank <= width)

    def corrected(model: Transformer) -> list[Any]:
        return [getattr(block, name) for block in model.blocks for name in settings.matrices]

    keys = jax.random.split(key, len(corrected(model)))
    scale = settings.alpha / settings.rank
    made = [LowRank(matrix, settings.rank, scale, key=key) for matrix, key in zip(corrected(model), keys, strict=True)]
    return eqx.tree_at(corrected, model, made)


def without_lora(model: Transformer) -> Transformer:
    """Return the frozen model, as it was before `with_lora`."""
    return jax.tree.map(lambda node: node.base if isinstance(node, LowRank) else node, model, is_leaf=_is_low_rank)


def merged(model: Transformer) -> Transformer:
    """Return a model of plain matrices that computes what the corrected one does."""
    return jax.tree.map(
        lambda node: Dense(node.full()) if isinstance(node, LowRank) else node, model, is_leaf=_is_low_rank
    )


def learns(model: Any) -> Any:
    """Return for every leaf of a model whether it learns, as `equinox.partition` takes it.

    With low-rank corrections only they do; without any, every floating-point array that is not of a quantised matrix.
    Works for any module.
    """
    leaves = jax.tree.leaves(model, is_leaf=_is_special)
    corrected = any(isinstance(leaf, LowRank) for leaf in leaves)

    def marks(node: Any) -> Any:
        if not _is_special(node):
            return eqx.is_inexact_array(node) and not corrected
        nothing = jax.tree.map(lambda _: False, node)
        return eqx.tree_at(lambda m: (m.A, m.B), nothing, (True, True)) if isinstance(node, LowRank) else nothing

    return jax.tree.map(marks, model, is_leaf=_is_special)


def _is_low_rank(node: Any) -> bool:
    return isinstance(node, LowRank)


def _is_special(node: Any) -> bool:
    return isinstance(node, LowRank | Quantised)
