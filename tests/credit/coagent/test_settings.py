"""Settings that no coagent could use are refused, with what is allowed instead."""

import pytest

from accumbens.errors import AccumbensError

REFUSED = {
    "partition of another length": ({"partition": "s"}, "for each of 2 hidden layers"),
    "partition of other letters": ({"partition": "sx"}, "a letter s or d"),
    "one action": ({"num_actions": 1}, "num_actions=1 cannot be used: it must be >= 2"),
    "no sigma": ({"units": "gaussian", "sigma": 0.0}, "> 0 and finite"),
    "endless sigma": ({"units": "gaussian", "sigma": float("inf")}, "> 0 and finite"),
    "growing sigma": ({"units": "gaussian", "sigma_schedule": "decayed", "sigma_decay": 1.1}, "at most 1"),
    "no draw": ({"samples": 0}, "samples=0 cannot be used: it must be >= 1"),
    "no unit": ({"stochastic_units": 0}, "from 1 to 3"),
    "too many units": ({"stochastic_units": 4}, "from 1 to 3, the units of a layer"),
    "units of no layer": ({"partition": "dd", "stochastic_units": 1}, "None, its default, unless a hidden layer draws"),
    "no epoch": ({"stage_epochs": 0}, ">= 1, or none"),
    "stages of no layer": ({"partition": "dd", "stage_epochs": 1}, "unless a hidden layer draws"),
    "actions of no layer": ({"partition": "dd", "num_actions": 3}, "unless a hidden layer draws"),
    "baseline of no layer": ({"partition": "dd", "baseline": "none"}, "global, its default, unless a layer draws"),
    "draws of no layer": ({"partition": "dd", "samples": 2}, "unless a layer draws"),
    "sigma of discrete units": ({"sigma": 1.0}, "4.0, its default, unless units=gaussian"),
    "schedule of discrete units": ({"sigma_schedule": "learned"}, "unless units=gaussian"),
    "actions of Gaussian units": ({"units": "gaussian", "num_actions": 3}, "2, its default, unless units=discrete"),
    "unused parametrisation": ({"units": "gaussian", "sigma_parametrisation": "relu"}, "unless sigma_schedule=learned"),
    "unused decay": ({"units": "gaussian", "sigma_decay": 0.9}, "unless sigma_schedule=decayed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(coagent, case):
    settings, message = REFUSED[case]
    with pytest.raises(AccumbensError, match=message):
        coagent(3, 2, layers=(4, 3), **settings)


def test_a_gaussian_output_draws_where_no_hidden_layer_does(coagent):
    coagent(3, 2, layers=(4, 3), units="gaussian", partition="dd", samples=2, baseline="none")


def test_subset_is_measured_by_the_layers_that_draw(coagent):
    coagent(3, 2, layers=(4, 3), partition="sd", stochastic_units=4)
