"""How teams are experimented with: the return of an agent, and how often something was won."""

import math
from collections.abc import Sequence
from typing import Any

from accumbens.runs.experimenting import Begun, Experimenting, Panel, Row, scores, seconds_of
from accumbens.stats import estimate
from accumbens.teams.kind import TEAMS


class TeamExperiments(Experimenting):
    """Experiments with teams."""

    def __init__(self) -> None:
        """Take names for the file, and the columns of the table."""
        super().__init__(TEAMS)
        self.places, self.methods = "teams", "methods"
        self.numbers = (*self.numbers, "evaluations", "num_eval_episodes")
        self.caption = "return of an agent"
        self.columns = (
            *("env", "algo", "variant", "seeds", "updates", "mean_return", "mean_return_interval"),
            *("won", "won_interval", "valid_loss", "valid_loss_interval", "angle", "mean_return_per_seed"),
            *("seconds", "commit"),
        )

    def rows(self, panel: Panel, beside: Any) -> list[Row]:
        """Return a line for every run."""
        return [self._run(panel, run) for run in panel.runs]

    def _run(self, panel: Panel, run: Begun) -> Row:
        returns, there = run.last("mean_return"), run.rows[-1]
        values: dict[str, Any] = scores("mean_return", returns)
        values["mean_return_per_seed"] = " ".join(f"{value:.6g}" for value in returns)
        for column in ("won", "valid_loss"):
            if column in there:
                values |= scores(column, run.last(column))
        angles = [sum(run.last(name)) / len(returns) for name in there if name.startswith("angle_")]
        values["angle"] = round(sum(angles) / len(angles), 2) if angles and not math.isnan(sum(angles)) else None
        won = [100 * share for share in run.last("won")]
        shown = "–" if math.isnan(won[0]) else f"{estimate(won):.1f}"
        return self.row(panel, run, values, (f"{estimate(returns):.3f}", shown, self.length_of(run), seconds_of(run)))

    def headings(self, rows: Sequence[Row]) -> Sequence[str]:
        """Return what the terminal writes above the cells."""
        return "return of an agent", "won (%)", "updates", "seconds"


EXPERIMENTING = TeamExperiments()
