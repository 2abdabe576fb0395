"""Watching a trained agent: an episode as pictures, with each cell's value and TD error in step with them."""

from accumbens.watch.episode import Episode, Instant, record
from accumbens.watch.frames import Filmstrip
from accumbens.watch.scenes import Scene, make_scene
from accumbens.watch.stage import Stage, make_stage
from accumbens.watch.video import require_writable, write_video

__all__ = [
    "Episode",
    "Filmstrip",
    "Instant",
    "Scene",
    "Stage",
    "make_scene",
    "make_stage",
    "record",
    "require_writable",
    "write_video",
]
