"""What a report says of teams: what they return and win, the data behind it, and whose direction their steps take."""

import math
import re
from collections.abc import Sequence

from accumbens.runs.chapter import SHADED, Along, Chapter, Line, Logged, Plot, Score, Sizes, column
from accumbens.teams.kind import TEAMS
from accumbens.teams.windows import scale_from

RETURN = Score("return", lambda run: column(run.training, "mean_return"), ".2f")
WON = Score("won (%)", lambda run: column(run.training, "won", factor=100.0), ".1f")
HELD_OUT = Score("loss of held-out actions", lambda run: column(run.training, "valid_loss"), ".3f", less_is_better=True)

LOSSES = {
    "learning_loss": ("Loss while learning", "loss that the team learns from"),
    "valid_loss": ("Loss of held-out actions", "cross-entropy in nats"),
    "kl_loss": ("Divergence from the teacher", "KL(teacher || student) of what they would do, in nats"),
    "relation_loss": ("Relation of features", "Huber loss of the angles between agents' features"),
    "feature_loss": ("Distance of features", "mean squared difference of the teacher's features and the students'"),
    "td_loss": ("TD loss", "squared TD error, halved"),
    "conservative_loss": ("Conservative term", "log Σ exp Q - Q of the data's action"),
}
"""Columns of `metrics.csv` about learning: title and axis of their charts."""

READING = {
    "Return": "undiscounted sum of an agent's rewards in an episode, mean over agents; all play greedily, and each by "
    "what it sees itself. Only a teacher, which is centralised, sees everything.",
    "Update": "one step of the optimiser, of all agents. A teacher's updates before its students' are counted too.",
    "Shaded": SHADED,
    "Won": "share of the episodes whose return, mean over agents, is that of an episode that is won.",
    "Held out": "of episodes that nothing was learned from: the cross-entropy of the actions in them.",
    "Angle": "between the step that a student's whole loss asks for and the centralised one, that of its divergence "
    "from the teacher alone: 0° is the teacher's direction, 90° is what chance has in many dimensions.",
}


class TeamChapter(Chapter):
    """Teams, judged by their return."""

    intro = "Return: of an agent, mean over agents and episodes of the last evaluation, greedy."
    numbers = f"{Chapter.numbers}, at the last evaluation"
    no_curve = "nothing was evaluated"
    parts_intro = (
        "How far every student's step points away from the centralised direction, that of the teacher's, measured on "
        "one batch at every evaluation; and the losses."
    )
    parts_caption = (
        "Angle of every student's step with the centralised direction at the last evaluation, in degrees, ± 95 % "
        "t-interval"
    )
    reading = READING

    def sizes(self, run: Logged) -> Sizes:
        """Return the updates at which the run ends, a teacher's included."""
        return Sizes({}, run.config.teacher_updates + run.config.updates)

    def place_notes(self, run: Logged) -> list[str]:
        """Return what the data were."""
        source, scale = run.config.data, run.meta.get("scale")
        if not source or scale is None:
            return []
        digest, count = run.meta.get("data_sha256", ""), run.meta.get("data_episodes")
        told = f"data {source}" + (f", SHA-256 {digest[:12]}…" if digest else "")
        told += "" if count is None else f", {count:,} episodes"
        try:
            data = scale_from(scale)
        except (KeyError, TypeError, ValueError):
            return [told]
        of_all = f"the best episode returns {data.best:.4g}, mean over agents, the median {data.median:.4g}"
        return [f"{told}: {of_all}; the longest has {data.steps:,} steps"]

    def score(self, runs: Sequence[Logged]) -> Score:
        """Return the return."""
        return RETURN

    def results(self, runs: Sequence[Logged]) -> list[Score]:
        """Return what was returned and, where something can be won, won; and the loss of actions held out."""
        wins, holds = any(map(_wins, runs)), any(run.has("valid_loss") for run in runs)
        return [RETURN, *([WON] * wins), *([HELD_OUT] * holds)]

    def overview(self, runs: Sequence[Logged]) -> list[Plot]:
        """Return what was returned and won, and how far students step away from the centralised direction."""
        plots = [Plot("mean_return", "Return", "return of an agent, greedy", _lines(RETURN, runs), digits=".2f")]
        if any(map(_wins, runs)):
            plots.append(Plot("won", "Episodes won", "%", _lines(WON, runs), digits=".1f", span=(0.0, 100.0)))
        if any(run.has("valid_loss") for run in runs):
            plots.append(Plot("valid_loss", *LOSSES["valid_loss"], _lines(HELD_OUT, runs), True, ".3g"))
        return plots

    def details(self, run: Logged) -> list[Plot]:
        """Return every student's angle, and the losses."""
        plots, angles = [], self.part_numbers(run)
        if angles:
            axis = "angle with the centralised direction, in degrees"
            plots.append(Plot("angle", "Angle", axis, angles, digits=".3g", span=(0.0, 90.0)))
        for name, (title, axis) in LOSSES.items():
            line = column(run.training, name, title)
            if any(math.isfinite(value := line.value(row)) and value for row in line.rows):
                plots.append(Plot(name, title, axis, [line], True, ".3g", of_parts=False))
        return plots

    def part_numbers(self, run: Logged) -> list[Line]:
        """Return the angle of every student; one that all share has one."""
        there = run.training[0] if run.training else {}
        count = sum(bool(re.fullmatch(r"angle_\d+", name)) for name in there)
        labels = ["all agents"] if count == 1 else [f"agent {number}" for number in range(1, count + 1)]
        return [column(run.training, f"angle_{number}", label) for number, label in enumerate(labels, start=1)]


def _lines(score: Score, runs: Sequence[Logged]) -> list[Line]:
    return [score.line(run) for run in runs]


def _wins(run: Logged) -> bool:
    """Whether something can be won where it was played."""
    return run.has("won") and any(not math.isnan(float(row["won"])) for row in run.training)


CHAPTER = TeamChapter(TEAMS, Along("updates", "update", "step"))
