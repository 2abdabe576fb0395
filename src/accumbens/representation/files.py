"""What a study leaves: a folder of figures and of the numbers behind them.

pca.csv         a row per cell and point: state, action, whether it is the greedy one, value, pc1, pc2
norms.csv       a row per snapshot, seed, cell and quantity: mean, standard deviation and percentiles over states
scenarios.csv   a row per cell, unit and scenario: states of the scenario, mean activity, score
alignment.csv   a row per snapshot, seed, cell, reference and kind of parameters; empty where not defined
summary.json    what the terminal shows
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accumbens.representation.alignment import PARAMETERS, REFERENCES, Comparison
from accumbens.representation.figures import draw_all, series
from accumbens.representation.study import PERCENTILES, Study, early
from accumbens.runs.outputs import new_folder
from accumbens.runs.tables import to_json

MARK = "summary.json"
"""The file by which an earlier analysis is known."""


def write_study(study: Study, folder: Path, force: bool = False) -> list[Path]:
    """Write figures and tables into a new folder, which is there completely or not at all; return its files.

    Raises:
        AccumbensError: the folder holds something, or with `force` something else than an earlier analysis.
    """
    with new_folder(folder, MARK, force) as staging:
        draw_all(study, staging)
        _write(staging / "pca.csv", ("step", "seed", "cell", *_POINT), _pca_rows(study))
        _write(staging / "norms.csv", ("step", "seed", "cell", *_NORM), _norm_rows(study))
        _write(staging / "scenarios.csv", ("step", "seed", "cell", *_UNIT), _scenario_rows(study))
        _write(staging / "alignment.csv", ("step", "seed", *Comparison._fields), _alignment_rows(study))
        (staging / MARK).write_text(to_json(summary(study), indent=2) + "\n", encoding="utf-8")
    return sorted(folder.iterdir())


def summary(study: Study) -> dict[str, Any]:
    """Return what was found, as plain values."""
    config = study.trained.config
    return {
        "env": config.env,
        "algo": config.algo,
        "credit": study.trained.settings.credit,
        "step": study.trained.step,
        "seed": study.seed,
        "seeds": study.trained.seeds,
        "snapshots": study.steps,
        **{name: getattr(study.request, name) for name in ("states", "steps", "transitions", "epsilon")},
        "pca": [
            {
                "cell": picture.cell,
                "vector": picture.kind,
                "width": picture.width,
                "explained": picture.components.explained.tolist(),
                "correlation_with_value": picture.components.correlation.tolist(),
                "variance_by_action": picture.shares and picture.shares.action,
                "variance_by_state": picture.shares and picture.shares.state,
                "silent_units": int(study.responses[picture.cell - 1].silent.sum()) if study.responses else None,
            }
            for picture in study.pictures
        ],
        "scenarios": {scenario.name: float(scenario.member.mean()) for scenario in study.scenarios},
        "norms": _medians(study),
        "alignment": _alignments(study),
    }


def _medians(study: Study) -> list[dict[str, Any]]:
    found = []
    for step in early(study.steps):
        for picture in study.pictures:
            mine = [norms for norms in study.norms if (norms.step, norms.cell) == (step, picture.cell)]
            values = {name: [norms.values for norms in mine if norms.quantity == name] for name in _quantities(mine)}
            medians = {name: float(np.median(np.concatenate(parts))) for name, parts in values.items()}
            found.append({"step": step, "cell": picture.cell} | medians)
    return found


def _quantities(norms: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(each.quantity for each in norms))


def _alignments(study: Study) -> list[dict[str, Any]]:
    """Means over seeds, at the first step, early and at the last."""
    places = [(step, study.steps.index(step)) for step in early(study.steps)]
    found = []
    for reference in REFERENCES:
        for parameters in PARAMETERS:
            for picture in study.pictures:
                of = (study, picture.cell, reference, parameters)
                cosine, sign = (series(*of, measure).mean(axis=0) for measure in ("cosine", "sign_agreement"))
                found += [
                    {
                        "reference": reference,
                        "parameters": parameters,
                        "cell": picture.cell,
                        "step": step,
                        "cosine": float(cosine[place]),
                        "sign_agreement": float(sign[place]),
                    }
                    for step, place in places
                ]
    return found


_POINT = ("vector", "state", "action", "greedy", "value", "pc1", "pc2")
_NORM = ("quantity", "mean", "std", *(f"p{percentile}" for percentile in PERCENTILES))
_UNIT = ("unit", "scenario", "states", "mean", "score")


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_text(value) for value in row] for row in rows)


def _text(value: Any) -> Any:
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{value:.6g}"
    return value


def _pca_rows(study: Study) -> Iterable[Sequence[Any]]:
    for picture in study.pictures:
        head = (study.trained.step, study.seed, picture.cell, picture.kind)
        points = zip(picture.state, picture.action, picture.greedy, picture.value, strict=True)
        for point, scores in zip(points, picture.components.scores, strict=True):
            state, action, greedy, value = point
            yield (*head, state, action, int(greedy), value, *scores)


def _norm_rows(study: Study) -> Iterable[Sequence[Any]]:
    for step, seed, cell, quantity, values in study.norms:
        yield (step, seed, cell, quantity, values.mean(), values.std(), *np.percentile(values, PERCENTILES))


def _scenario_rows(study: Study) -> Iterable[Sequence[Any]]:
    for cell, responses in enumerate(study.responses, 1):
        for (unit, place), mean in np.ndenumerate(responses.mean):
            scenario = study.scenarios[place]
            head = (study.trained.step, study.seed, cell, unit, scenario.name, int(scenario.member.sum()))
            yield (*head, mean, responses.score[unit, place])


def _alignment_rows(study: Study) -> Iterable[Sequence[Any]]:
    for step, seed, comparison in study.aligned:
        yield (step, seed, *comparison)
