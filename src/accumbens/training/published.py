"""What the papers report, so that tables and figures can quote it. Nothing here was measured by accumbens.

Values are mean undiscounted returns over seeds: of the last 100 training episodes, at the last ε.

- Guan et al. (2024): end values and points on the way are read off the figures, to about one pixel: ±0.5 in MinAtar
  (±2 in SpaceInvaders), ±9 in the Control Suite. SAC's and TD-MPC2's numbers there come from their own authors.
- ARQ paper (2026): tables 1 to 3, with 95 % intervals; points on the way are read off the figure on its website, whose
  last point may differ from the table. The origin of its SAC and TD-MPC2 rows is not stated.

The two disagree about AD on MinAtar (Breakout 26.8 and 63.8, SpaceInvaders 138.5 and 363.5); neither says why.
"""

from typing import NamedTuple

import numpy as np

AD_MINATAR = "Guan et al. (2024), read off the figure of MinAtar; 10 seeds, 5 M steps"
AD_DMC = "Guan et al. (2024), read off the figure of the Control Suite; 10 seeds, 4 M steps"
AD_DMC_OTHERS = f"{AD_DMC}; not run by the paper, 3 seeds of the method's own authors"
AD_QR = "Guan et al. (2024), appendix, read off the figure of AD-QR; 8 seeds, 4 M steps"
AD_CLASSIC = "Guan et al. (2024), read off the figure of the classic tasks; 10 seeds, 1 M steps"
ARQ_1 = "ARQ paper (2026), table 1; 5 seeds, 4 M steps"
ARQ_2 = "ARQ paper (2026), table 2; 4 M steps"
ARQ_3 = "ARQ paper (2026), table 3; 2 seeds, 4 M steps"
ARQ_CONDITIONING = "ARQ paper (2026), figure 5, read off the website's copy; 4 M steps"


class Published(NamedTuple):
    """One number of a paper.

    Attributes:
        agent: the paper's name for it.
        env: our name of the environment.
        value: mean return at the end.
        interval: half the 95 % interval, where the paper gives one.
        steps: environment steps at the end.
        source: paper, table or figure, seeds.
        curve: `(steps, return)` on the way.
    """

    agent: str
    env: str
    value: float
    interval: float | None
    steps: int
    source: str
    curve: tuple[tuple[int, float], ...] = ()

    def at(self, step: int) -> float | None:
        """Return the value at a step, between points that were read off; None outside them."""
        if not self.curve or not self.curve[0][0] <= step <= self.curve[-1][0]:
            return None
        steps, values = zip(*self.curve, strict=True)
        return float(np.interp(step, steps, values))


_M = 1_000_000
_Number = int | float


def _curve(steps: tuple[_Number, ...], values: tuple[_Number | None, ...]) -> tuple[tuple[int, float], ...]:
    """Points at these million steps; None where another line hides the curve."""
    return tuple((round(at * _M), float(value)) for at, value in zip(steps, values, strict=True) if value is not None)


def _ad_figure(
    source: str,
    million: tuple[_Number, ...],
    end: int,
    read: dict[str, tuple[_Number, ...]],
    rivals: dict[str, dict[str, _Number]],
    rivals_source: str,
) -> list[Published]:
    """AD's curve, whose last value in `read` is the end, and the end values of the rivals."""
    entries = []
    for env, (*values, last) in read.items():
        entries.append(
            Published("AD", env, float(last), None, end, source, _curve((*million, end / _M), (*values, last)))
        )
        entries += [
            Published(agent, env, float(ends[env]), None, end, rivals_source)
            for agent, ends in rivals.items()
            if env in ends
        ]
    return entries


_GAMES = ("minatar/freeway", "minatar/breakout", "minatar/space_invaders", "minatar/seaquest", "minatar/asterix")
_BODIES = ("dmc/walker-walk", "dmc/walker-run", "dmc/hopper-hop", "dmc/cheetah-run", "dmc/reacher-hard")
_TASKS = ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "LunarLander-v3")


def _ends(names: tuple[str, ...], *values: _Number) -> dict[str, _Number]:
    return dict(zip(names, values, strict=True))


_MINATAR = _ad_figure(
    AD_MINATAR,
    (1, 2, 3, 4, 4.9),
    5 * _M,
    {
        "minatar/freeway": (48.2, 50.5, 53.7, 56.6, 57.5, 57.5),
        "minatar/breakout": (9.4, 14.7, 20.0, 25.9, 26.6, 26.8),
        "minatar/space_invaders": (30, 88, 117, 134, 138, 138.5),
        "minatar/seaquest": (3.0, 8.9, 26.0, 36.9, 41.5, 42),
        "minatar/asterix": (11.3, 16.5, 18.2, 20.4, 21.8, 22),
    },
    {"DQN": _ends(_GAMES, 56.2, 32.9, 222, 47, 17)},
    AD_MINATAR,
)

_DMC = _ad_figure(
    AD_DMC,
    (0.5, 1, 2, 3, 3.9),
    4 * _M,
    {
        "dmc/walker-walk": (956, 968, 976, 976, 976, 976),
        "dmc/walker-run": (650, 734, 761, 780, 802, 802),
        "dmc/hopper-hop": (162, 397, 521, 552, 561, 560),
        "dmc/cheetah-run": (439, 688, 823, 816, 854, 854),
        "dmc/reacher-hard": (796, 940, 953, 963, 963, 963),
    },
    # On cheetah-run both lie between 880 and 900, hidden by other lines.
    {"TD-MPC2": _ends(_BODIES, 985, 878, 442, 890, 980), "SAC": _ends(_BODIES, 980, 870, 301, 890, 980)},
    AD_DMC_OTHERS,
) + [
    Published("AD-QR", env, float(value), None, 4 * _M, AD_QR)
    for env, value in _ends(_BODIES, 976, 793, 500, 853, 963).items()
]

_CLASSIC = [
    Published(agent, env, float(value), None, _M, AD_CLASSIC)
    for agent, ends in {
        "AD": _ends(_TASKS, 495, -67, -109, 269),
        "CleanRL DQN": _ends(_TASKS, 445, -88, -137, 231),
        "ANGC DQN": _ends(_TASKS, 337, -77, -142, 244),
    }.items()
    for env, value in ends.items()
]


def _arq_table(
    names: tuple[str, ...],
    rows: dict[str, tuple[tuple[_Number, _Number], ...]],
    curves: dict[tuple[str, str], tuple[_Number | None, ...]],
) -> list[Published]:
    return [
        Published(
            agent, env, value, interval, 4 * _M, ARQ_1, _curve((1, 2, 3, 4), curves.get((agent, env), (None,) * 4))
        )
        for agent, cells in rows.items()
        for env, (value, interval) in zip(names, cells, strict=True)
    ]


_ARQ_MINATAR = _arq_table(
    _GAMES,
    {
        "DQN": ((55.86, 0.64), (27.09, 11.48), (188.03, 31.62), (37.96, 18.56), (13.60, 2.16)),
        "AD": ((57.12, 2.70), (63.76, 17.70), (363.49, 36.92), (27.83, 10.97), (22.01, 10.26)),
        "ARQ": ((60.74, 0.54), (87.84, 11.10), (544.99, 88.10), (96.45, 21.44), (35.32, 5.33)),
    },
    {
        ("ARQ", "minatar/breakout"): (27.5, 64.6, 74.8, 87),
        ("AD", "minatar/breakout"): (23.3, 42.2, 51.6, 65.5),
        ("DQN", "minatar/breakout"): (7, 13.6, 20.5, 27),
        ("ARQ", "minatar/space_invaders"): (157, 303, 417, 522),
        ("AD", "minatar/space_invaders"): (104, 206, 294, 353),
        ("DQN", "minatar/space_invaders"): (25, 63, 146, 186),
        ("ARQ", "minatar/seaquest"): (28, 44, 70, 89),
        ("AD", "minatar/seaquest"): (2.6, 8.6, 15.6, 26),
        ("DQN", "minatar/seaquest"): (1.3, 20, 29, 40),
        ("ARQ", "minatar/asterix"): (14, 25.6, 34.5, 35),
        ("AD", "minatar/asterix"): (10, 20, 23, 21),
        ("DQN", "minatar/asterix"): (1.5, 4.8, 9, 13),
        ("ARQ", "minatar/freeway"): (46.4, None, 58.1, 60.4),
        ("AD", "minatar/freeway"): (44.8, None, 53.8, 57.2),
        ("DQN", "minatar/freeway"): (39.9, None, 55.2, 56.0),
    },
)

_ARQ_DMC = _arq_table(
    _BODIES,
    {
        "TD-MPC2": ((958.80, 2.58), (834.07, 20.26), (348.55, 53.30), (808.46, 184.20), (934.84, 13.72)),
        "SAC": ((980.43, 3.26), (895.02, 92.70), (319.46, 62.42), (917.40, 4.90), (980.01, 2.38)),
        "AD": ((975.30, 2.10), (762.51, 4.86), (470.95, 78.14), (831.57, 31.80), (955.93, 18.36)),
        "ARQ": ((976.33, 1.04), (771.15, 5.08), (516.23, 34.72), (880.61, 24.04), (973.66, 9.98)),
    },
    {
        ("ARQ", "dmc/hopper-hop"): (156, 441, 487, 512),
        ("AD", "dmc/hopper-hop"): (92, 381, 448, 481),
        ("ARQ", "dmc/cheetah-run"): (561, 848, 885, 872),
        ("AD", "dmc/cheetah-run"): (445, 748, 798, 841),
        ("ARQ", "dmc/walker-run"): (473, 733, 759, 772),
        ("AD", "dmc/walker-run"): (430, None, 749, 759),
        ("ARQ", "dmc/reacher-hard"): (923, 967, 974, 980),
        ("AD", "dmc/reacher-hard"): (864, 950, None, None),
        ("ARQ", "dmc/walker-walk"): (931, 969, 969, None),
        ("AD", "dmc/walker-walk"): (906, None, None, None),
    },
)

_ARQ_GOODNESS = [
    Published(agent, env, value, interval, 4 * _M, source)
    for agent, source, cells in (
        ("ARQ, rms", ARQ_2, ((87.84, 11.10), (544.99, 88.10))),
        ("ARQ, mean", ARQ_2, ((79.84, 26.46), (500.13, 95.56))),
        ("ARQ, mean square", ARQ_2, ((82.10, 6.56), (434.88, 28.74))),
        ("ARQ, variance", ARQ_2, ((81.34, 0.78), (416.46, 133.2))),
        ("AD", f"{ARQ_2}; an earlier 3-seed row, other than in table 1", ((67.40, 8.02), (369.96, 46.92))),
    )
    for env, (value, interval) in zip(("minatar/breakout", "minatar/space_invaders"), cells, strict=True)
]

# On SpaceInvaders both of AD's lines end between 340 and 350.
_ARQ_CONDITIONING_ENTRIES = [
    Published(agent, env, float(value), None, 4 * _M, ARQ_CONDITIONING)
    for agent, ends in {
        "ARQ": (85.5, 543),
        "ARQ, unconditioned": (57, 324),
        "AD, conditioned": (76, 345),
        "AD": (69.6, 345),
    }.items()
    for env, value in zip(("minatar/breakout", "minatar/space_invaders"), ends, strict=True)
]

_ARQ_SCALING = [
    Published(f"{agent} × {ratio}", "minatar/breakout", value, interval, 4 * _M, ARQ_3)
    for agent, cells in {
        "AD": ((66.34, 5.15), (64.20, 1.90), (56.63, 5.39), (59.79, 4.77)),
        "ARQ": ((68.12, 5.65), (86.26, 0.66), (70.40, 3.98), (83.26, 2.32)),
    }.items()
    for ratio, (value, interval) in zip((0.5, 1, 1.5, 2), cells, strict=True)
]

TABLES: dict[str, tuple[Published, ...]] = {
    "ad-minatar": tuple(_MINATAR),
    "ad-dmc": tuple(_DMC),
    "ad-classic": tuple(_CLASSIC),
    "arq-minatar": tuple(_ARQ_MINATAR),
    "arq-dmc": tuple(_ARQ_DMC),
    "arq-goodness": tuple(_ARQ_GOODNESS),
    "arq-conditioning": tuple(_ARQ_CONDITIONING_ENTRIES),
    "arq-scaling": tuple(_ARQ_SCALING),
}
"""By the name that an experiment file quotes them with."""


def find(tables: tuple[str, ...], env: str) -> list[Published]:
    """Return what these tables say of an environment."""
    return [entry for table in tables for entry in TABLES[table] if entry.env == env]
