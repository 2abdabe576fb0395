"""How long an agent's run will take, and when that is measured."""

from types import SimpleNamespace

import pytest

from accumbens.training.job import FEW_BLOCKS, MEASURED_BLOCKS, MeasuredJob


@pytest.mark.parametrize(
    ("blocks", "chunk_blocks", "learns_at_once", "expected"),
    [
        (FEW_BLOCKS, 1, True, 0.0),
        (FEW_BLOCKS + 1, MEASURED_BLOCKS, True, None),
        (FEW_BLOCKS + 1, MEASURED_BLOCKS + 1, True, 3.0 * 64),
        (FEW_BLOCKS + 1, MEASURED_BLOCKS, False, 3.0 * 64),
    ],
    ids=["over before long", "the first chunk tells", "a long first chunk", "a first chunk without learning"],
)
def test_a_run_is_measured_only_where_its_first_chunk_does_not_tell(blocks, chunk_blocks, learns_at_once, expected):
    compiled = []
    job = SimpleNamespace(
        plan=SimpleNamespace(blocks=blocks, chunk_blocks=chunk_blocks, steps_per_block=64),
        learns_at_once=learns_at_once,
        compile=lambda: compiled.append(1),
        measure_speed=lambda: 3.0,
    )
    assert MeasuredJob.prepare(job) == expected
    assert compiled == [1]
