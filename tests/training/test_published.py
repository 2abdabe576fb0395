"""Every published number has a source, an environment of ours, and a curve that leads to its end."""

import pytest

from accumbens.envs import registry
from accumbens.training.published import TABLES, Published, find

ALL = [(name, entry) for name, table in TABLES.items() for entry in table]
identify = pytest.mark.parametrize(("name", "entry"), ALL, ids=[f"{n}-{e.env}-{e.agent}" for n, e in ALL])


@identify
def test_every_number_is_complete(name, entry):
    assert entry.source.startswith("Guan et al. (2024)" if name.startswith("ad-") else "ARQ paper (2026)")
    benchmark = entry.env.partition("/")[0]
    assert entry.env in registry.device_environments() or benchmark in ("dmc", "LunarLander-v3")
    assert entry.interval is None or entry.interval > 0
    steps = [step for step, _ in entry.curve]
    assert steps == sorted(set(steps))
    assert all(0 < step <= entry.steps for step in steps)


@identify
def test_a_curve_ends_near_its_end(name, entry):
    if not entry.curve or entry.curve[-1][0] < entry.steps:
        return
    room = max(0.1 * abs(entry.value), entry.interval or 0.0)
    assert entry.curve[-1][1] == pytest.approx(entry.value, abs=room)


def test_an_agent_appears_once_per_environment():
    for table in TABLES.values():
        keys = [(entry.agent, entry.env) for entry in table]
        assert len(set(keys)) == len(keys)


def test_some_numbers_by_hand():
    numbers = {(name, entry.agent, entry.env): entry for name, entry in ALL}
    assert numbers["ad-classic", "AD", "LunarLander-v3"].value == 269
    assert numbers["ad-minatar", "DQN", "minatar/space_invaders"].value == 222
    assert numbers["ad-dmc", "AD-QR", "dmc/hopper-hop"].value == 500
    arq = numbers["arq-minatar", "ARQ", "minatar/seaquest"]
    assert (arq.value, arq.interval, arq.steps) == (96.45, 21.44, 4_000_000)
    assert numbers["arq-scaling", "ARQ × 1.5", "minatar/breakout"].value == 70.4
    assert len(ALL) == 10 + 20 + 12 + 15 + 20 + 10 + 8 + 8


def test_between_points_a_curve_is_straight_and_outside_unknown():
    entry = Published("A", "CartPole-v1", 9.0, None, 100, "s", ((20, 2.0), (40, 6.0)))
    assert [entry.at(step) for step in (19, 20, 30, 40, 41)] == [None, 2.0, 4.0, 6.0, None]
    assert entry._replace(curve=()).at(30) is None


def test_tables_are_looked_up_by_environment():
    found = find(("arq-minatar", "ad-minatar"), "minatar/breakout")
    assert [(entry.agent, entry.value) for entry in found] == [
        ("DQN", 27.09),
        ("AD", 63.76),
        ("ARQ", 87.84),
        ("AD", 26.8),
        ("DQN", 32.9),
    ]
    assert find((), "minatar/breakout") == []
