"""Classical conditioning: what the TD error of every cell does around a cue and a reward that it has learned."""

from accumbens.conditioning.files import free_figure, require_free, write_study
from accumbens.conditioning.study import (
    PROBES,
    TASK,
    Answer,
    Study,
    answers,
    conditioning_config,
    document,
    find_probe,
    is_run,
    run_name,
    study_run,
)

__all__ = [
    "PROBES",
    "TASK",
    "Answer",
    "Study",
    "answers",
    "conditioning_config",
    "document",
    "find_probe",
    "free_figure",
    "is_run",
    "require_free",
    "run_name",
    "study_run",
    "write_study",
]
