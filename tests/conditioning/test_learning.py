"""What the figure claims, learned here: every cell of ad_pqn moves its response to the cue, and dips at omission."""

import numpy as np
import pytest

from accumbens.cli.run_view import RunView
from accumbens.conditioning import answers, conditioning_config, find_probe, run_name, study_run
from accumbens.runs import launch
from accumbens.training.kind import AGENTS


@pytest.mark.slow
@pytest.mark.parametrize("credit", ["local", "backprop"])
def test_every_cell_learns_the_exact_td_errors(credit, tmp_path):
    config = conditioning_config("ad_pqn", seeds=5, total_timesteps=60_000, credit=credit)
    with RunView(json=False, quiet=True) as report:
        result = launch.start(AGENTS, config, report, out=tmp_path, name=run_name(config))
    path = tmp_path / "probe/conditioning/ad_pqn" / run_name(config)
    assert str(path) == result.run
    study = study_run(path, find_probe("reward-omission"))
    found = [answer for answer in answers(study) if answer.response.stage == "late" or answer.response.sign > 0]
    assert len(found) == 3 * 6
    for answer in found:
        # Nothing is left of a predicted reward to within a tenth, or an eighth with fewer steps than the preset's.
        if answer.response.sign == 0:
            assert abs(answer.estimate.mean) < 0.125
        else:
            assert answer.holds, answer
            assert answer.share == 1
    for answer in found:
        if answer.exact is not None:
            assert abs(answer.estimate.mean - answer.exact) < 0.125
    assert np.isfinite(study.td_error).all()
