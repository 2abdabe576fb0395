"""Our Seaquest against the original."""

import jax
import jax.numpy as jnp
import minatar_harness as harness
import numpy as np

from accumbens.envs.minatar.seaquest import FISH, Diver, Draws, seaquest

SEAQUEST = seaquest()
COLUMNS = np.arange(10)


def cells(board):
    """(x, y) of every cell set in a board."""
    return [(int(x), int(y)) for y, x in np.argwhere(board[:, None] >> COLUMNS & 1)]


def bullets(left_right):
    return sorted([x, y, bool(right)] for right in (0, 1) for x, y in cells(left_right[right]))


def enemies(state):
    """(kind, [x, y, goes_right, timer]) of every fish and submarine."""
    for timer in range(6):
        planes = state.enemies[timer // 3] >> 10 * (timer % 3) & 0b1111111111
        if np.any(planes):
            for x, y in cells(np.bitwise_or.reduce(planes)):
                kind = sum(int(plane[y] >> x & 1) << bit for bit, plane in enumerate(planes))
                yield kind, [x, y, bool(state.rightward[y]), timer]


def age(enemy):
    """Sorts enemies by row, and those in one row by when they came: the one ahead came first."""
    x, y, goes_right, timer, *_ = enemy
    return y, (-x if goes_right else x), timer


def divers(state):
    """[x, y, goes_right, timer] of the divers in the sea, the older one first."""
    timer = (state.diver_timer - 1) % 6
    return [[int(x), int(y), bool(right), timer] for x, y, right in (state.older_diver, state.newer_diver) if y > 0]


def attributes(state):
    fish = [enemy for kind, enemy in enemies(state) if kind == FISH]
    subs = [[*enemy, (state.clock - kind) % 11] for kind, enemy in enemies(state) if kind != FISH]
    return {
        "oxygen": state.oxygen,
        "diver_count": state.divers_aboard,
        "sub_x": state.x,
        "sub_y": state.y,
        "sub_or": state.faces_right,
        "f_bullets": bullets(state.shots),
        "e_bullets": bullets(state.torpedoes),
        "e_fish": sorted(fish, key=age),
        "e_subs": sorted(subs, key=age),
        "divers": divers(state),
        "e_spawn_speed": 20 - state.difficulty,
        "e_spawn_timer": state.spawn_timer,
        "d_spawn_timer": state.diver_timer,
        "move_speed": max(5 - state.difficulty // 2, 2),
        "ramp_index": state.difficulty,
        "shot_timer": state.reload_timer,
        "surface": state.at_surface,
    }


def original_attributes(original):
    """The original's lists in canonical order. Torpedoes that share cell and direction always will: they are one."""
    theirs = harness.own_attributes(original)
    return theirs | {
        "f_bullets": sorted(theirs["f_bullets"]),
        "e_bullets": [list(bullet) for bullet in sorted(set(map(tuple, theirs["e_bullets"])))],
        "e_fish": sorted(theirs["e_fish"], key=age),
        "e_subs": sorted(theirs["e_subs"], key=age),
    }


def answers(draws, original):
    enemy = [0.25 if draws.enemy_goes_right else 0.75, 0.25 if draws.enemy_is_sub else 0.75, int(draws.enemy_row)]
    diver = [0.25 if draws.diver_goes_right else 0.75, int(draws.diver_row)]
    return (enemy if original.e_spawn_timer == 0 else []) + (diver if original.d_spawn_timer == 0 else [])


def player(state, key):
    """Try two actions, the second held for a while; survive, hit, and come nearer to a diver or to the air."""
    diver_x, diver_y, _ = jax.tree.map(lambda *both: jnp.stack(both), state.older_diver, state.newer_diver)
    distances = jnp.where(diver_y > 0, abs(diver_x - state.x) + abs(diver_y - state.y), 99)
    nearest = jnp.argmin(distances)
    aboard = state.divers_aboard
    low = (aboard == 6) | ((aboard != 0) & (state.oxygen < 70)) | ((aboard < 0) & (state.difficulty < 19))
    rises = low & ~state.at_surface
    seeks = ~rises & (jnp.min(distances) < 99)
    x = jnp.where(seeks, diver_x[nearest], jnp.where(rises, state.x, 5))
    y = jnp.where(seeks, diver_y[nearest], jnp.where(rises, 0, 4))
    nothing = Draws(*map(jnp.asarray, (False, False, 0, False, 0)))

    def worth(first, held):
        def frame(carry, t):
            state, alive, total = carry
            state, reward, terminated = SEAQUEST.advance(state, jnp.where(t == 0, first, held), nothing)
            alive = alive & ~terminated
            distance = abs(state.x - x) + abs(state.y - y)
            return (state, alive, total + alive * (3 + 3 * reward - 0.1 * distance)), None

        return jax.lax.scan(frame, (state, True, 0.0), jnp.arange(4))[0][2]

    first, held = jnp.divmod(jnp.arange(36), 6)
    return first[jnp.argmax(jax.vmap(worth)(first, held) + 0.01 * jax.random.uniform(key, (36,)))]


CORRESPONDENCE = harness.Correspondence(SEAQUEST, attributes, answers, player, original_attributes)


def test_follows_the_original_at_random():
    recording = harness.play_at_random(SEAQUEST, seed=0, num_steps=10_000)
    assert harness.assert_follows(CORRESPONDENCE, recording) > 100


def test_follows_the_original_through_rescues_to_the_greatest_difficulty():
    recording = harness.play_well(CORRESPONDENCE, seed=1, num_steps=12_000)
    harness.assert_follows(CORRESPONDENCE, recording)
    game = recording.state.game
    assert set(game.difficulty) == set(range(20))
    assert np.max(recording.step.reward) > 2, "no complete rescue"
    assert np.min(game.divers_aboard) < 0


def test_follows_the_original_from_crowded_seas():
    """Every rule at once: seas full of enemies, shots and torpedoes, divers nearby, timers about to end."""
    first = SEAQUEST.begin(SEAQUEST.draw(jnp.zeros(1, jnp.uint32)))
    states = jax.tree.map(lambda leaf: np.stack([leaf] * 1_000), first)
    rng = np.random.default_rng(3)
    crowded = [crowd(states, difficulty, rng) for difficulty in (0, 3, 19)]
    states = jax.tree.map(lambda *leaves: np.concatenate(leaves), *crowded)
    step = harness.assert_steps_follow(CORRESPONDENCE, states, jax.random.key(4))
    assert np.sum(step.terminated) > 100
    assert np.sum(~step.terminated) > 100
    assert np.max(step.reward) > 4


def crowd(states, difficulty, rng):
    """Random seas, but none that play cannot reach.

    Enemies are far apart unless the difficulty is greatest; then they may share a cell, with timers up to 2.
    """
    num_seas = len(states.x)
    kinds = rng.choice([0, FISH, *range(1, 12)], p=[0.6, 0.2, *[0.2 / 11] * 11], size=(num_seas, 6, 16, 10))
    kinds[:, :, [0, *range(9, 16)]] = 0
    rightward = rng.random((num_seas, 16)) < 0.5
    kinds[:, :, :, 0] *= ~rightward[:, None]
    kinds[:, :, :, 9] *= rightward[:, None]
    if difficulty == 19:
        kinds[:, 3:] = 0
    else:
        kinds *= np.arange(6)[:, None, None] == rng.integers(6, size=(num_seas, 1, 16, 10))
        kinds *= rng.integers(2, size=(num_seas, 1, 16, 1)) == COLUMNS % 2
    bits = kinds.reshape(num_seas, 2, 3, 1, 16, 10) >> np.arange(4)[:, None, None] & 1
    rows = np.sum(bits << COLUMNS, axis=-1)

    def some(probability, *shape):
        return rng.random((num_seas, *shape)) < probability

    def boards(probability, deepest):
        cells = some(probability, 2, 16, 10)
        cells[:, :, deepest + 1 :] = False
        return np.sum(cells << COLUMNS, axis=-1)

    x, y, faces_right = rng.integers(1, 9, num_seas), rng.integers(0, 9, num_seas), some(0.5)
    y = np.where(some(0.5), rng.integers(3, 5, num_seas), y)
    shots = boards(0.1, 8)  # Shots never meet: here because all go where the player faces, and none is in its cell.
    shots[np.arange(num_seas), (~faces_right).astype(int)] = 0
    shots[np.arange(num_seas), :, y] &= ~(1 << x)[:, None]

    def diver(present):
        return Diver(rng.integers(3, 7, num_seas), np.where(present, rng.integers(3, 5, num_seas), -1), some(0.5))

    diver_timer = rng.choice([0, 1, 7, 8, 13], num_seas)
    replaced = states._replace(
        x=x,
        y=y,
        faces_right=faces_right,
        at_surface=some(0.5),
        oxygen=rng.choice([0, 1, 19, 100, 200], num_seas),
        divers_aboard=rng.choice([-3, -1, 0, 1, 5, 6], num_seas),
        difficulty=np.full(num_seas, difficulty),
        reload_timer=rng.integers(3, size=num_seas),
        spawn_timer=rng.integers(2, size=num_seas),
        diver_timer=diver_timer,
        clock=rng.integers(1, 12, num_seas),
        shots=shots,
        torpedoes=boards(0.02, 8),
        enemies=np.sum(rows << 10 * np.arange(3)[:, None, None], axis=2),
        rightward=rightward * 0b1111111111,
        older_diver=diver(some(0.8) & (diver_timer > 0)),  # it has left when the next one enters
        newer_diver=diver(some(0.8)),
    )
    return jax.tree.map(lambda new, old: new.astype(old.dtype), replaced, states)


def test_no_two_enemies_share_row_column_and_timer():
    """Walk through all that can happen to two enemies that enter one after the other, whenever the player surfaces.

    The one that entered first stays ahead: in a column farther on, or with a smaller timer. So that holds for any two
    that swim in the same direction. They meet in a column only when their timers are below 3.
    """

    def after(enemy, interval):
        x, timer = enemy
        return (x, timer - 1) if timer else (x + 1, interval)

    def moves(state):
        difficulty, wait, first, second, surfaced = state
        interval = max(5 - difficulty // 2, 2)
        first, second = after(first, interval), second and after(second, interval)
        for surfaces in (False,) if surfaced else (False, True):
            harder = min(difficulty + surfaces, 19)
            if wait == 1:
                second = (0, max(5 - harder // 2, 2))
            if first[0] <= 9:
                yield harder, max(wait - 1, 0), first, second, surfaces

    waiting = [(d, 20 - d, (0, max(5 - d // 2, 2)), None, surfaced) for d in range(20) for surfaced in (False, True)]
    seen = set(waiting)
    while waiting:
        state = waiting.pop()
        _, _, first, second, _ = state
        if second:
            assert (first[0], -first[1]) > (second[0], -second[1])
            assert first[0] > second[0] or second[1] < 3
        new = set(moves(state)) - seen
        seen |= new
        waiting.extend(new)
    assert len(seen) > 5_000


def test_follows_the_original_without_ramping():
    game = seaquest(difficulty_ramping=False)
    correspondence = CORRESPONDENCE._replace(game=game, options={"ramping": False})
    recording = harness.play(game, lambda t, state, key: player(state, key), seed=2, num_steps=1_500)
    harness.assert_follows(correspondence, recording)
    assert np.any(np.diff(recording.state.game.oxygen) > 0), "the player never surfaced"


def test_follows_the_original_in_trained_play():
    recording = harness.play_trained(CORRESPONDENCE)
    assert len(recording.step.reward) >= 10_000
    harness.assert_follows(CORRESPONDENCE, recording)
