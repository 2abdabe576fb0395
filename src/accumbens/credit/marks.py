"""Marks: names, in the traced program, of what the layers of a network do. Compiled programs have nothing of them.

A network's forward pass passes through these functions whatever a layer makes: pre-activations, gates, activity. So
whoever reads the program of a rule can tell "the activity of layer 2" from what that activity was made of, which is
what `accumbens audit` lives on. Marking twice does no harm. A derivative passes through a mark unmarked.
"""

from typing import TypeVar

from jax.ad_checkpoint import checkpoint_name

Tree = TypeVar("Tree")

PREFIX = "credit"


def activity(made: Tree, layer: int) -> Tree:
    """Return what it is given, named as made by a hidden layer: its pre-activation, gate, sample or activity.

    Args:
        made: an array, or a tree of arrays.
        layer: index of the layer in `network.layers`; the first hidden layer is 0.
    """
    return checkpoint_name(made, f"{PREFIX}:activity:{layer}")


def outputs(made: Tree) -> Tree:
    """Return what it is given, named as made by the output layer: logits, or predicted numbers."""
    return checkpoint_name(made, f"{PREFIX}:outputs:")


def scalar(loss: Tree) -> Tree:
    """Return what it is given, named as one number for every example: its loss."""
    return checkpoint_name(loss, f"{PREFIX}:scalar:")


def parse_mark(name: str) -> tuple[str, str] | None:
    """Return the kind of a mark and its layer (a number as text, or nothing); None for somebody else's name."""
    prefix, _, rest = name.partition(":")
    kind, _, layer = rest.partition(":")
    return (kind, layer) if prefix == PREFIX else None
