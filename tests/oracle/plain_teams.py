"""Fill-In and Equal Space again, in plain Python with double precision, written from what their docstrings say."""

import math

import numpy as np

STEPS = {0: (-1, 0), 1: (0, 1), 2: (1, 0), 3: (0, -1), 4: (0, 0)}


class PlainFillIn:
    """The grid as a dictionary of cells."""

    def __init__(self, size, horizon, positions):
        self.size, self.horizon, self.steps = size, horizon, 0
        self.agents = [tuple(int(number) for number in place) for place in positions]
        self.owner = {place: index for index, place in enumerate(self.agents)}

    def seen(self):
        rows = []
        for row, column in self.agents:
            window = [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
            outside = [not (0 <= r < self.size and 0 <= c < self.size) for r, c in window]
            filled = [cell in self.owner for cell in window]
            rows.append([row / (self.size - 1), column / (self.size - 1), *filled, *outside])
        return np.array(rows, float)

    def step(self, actions):
        rewards = []
        for index, action in enumerate(actions):
            row, column = self.agents[index]
            down, right = STEPS[int(action)]
            if 0 <= row + down < self.size and 0 <= column + right < self.size:
                self.agents[index] = (row + down, column + right)
            if self.agents[index] in self.owner:
                rewards.append(-1.0)
            else:
                self.owner[self.agents[index]] = index
                rewards.append(0.0)
        self.steps += 1
        terminated = len(self.owner) == self.size**2
        return self.seen(), rewards, terminated, self.steps == self.horizon and not terminated


class PlainEqualSpace:
    """The plane, with an agent's coordinates as two numbers."""

    def __init__(self, horizon, positions):
        self.horizon, self.steps = horizon, 0
        self.places = [[float(number) for number in place] for place in positions]
        self.speeds = [[0.0, 0.0] for _ in self.places]

    def seen(self):
        rows = []
        for index, place in enumerate(self.places):
            others = [other for other in range(len(self.places)) if other != index]
            nearest = min(others, key=lambda other: math.dist(self.places[other], place))
            towards = [theirs - own for theirs, own in zip(self.places[nearest], place, strict=True)]
            rows.append([*place, *self.speeds[index], *towards])
        return np.array(rows)

    def step(self, actions):
        pushes = {0: (0.0, 1.0), 1: (1.0, 0.0), 2: (0.0, -1.0), 3: (-1.0, 0.0), 4: (0.0, 0.0)}
        for index, action in enumerate(actions):
            for axis in (0, 1):
                speed = 0.75 * self.speeds[index][axis] + 5.0 * pushes[int(action)][axis] * 0.1
                place = self.places[index][axis] + 0.1 * speed
                if not -1 <= place <= 1:
                    place, speed = math.copysign(1.0, place), 0.0
                self.places[index][axis], self.speeds[index][axis] = place, speed
        pairs = [(a, b) for a in range(len(self.places)) for b in range(a)]
        distances = [math.dist(self.places[a], self.places[b]) for a, b in pairs]
        mean = sum(distances) / len(distances)
        reward = -sum(abs(distance - mean) for distance in distances) / len(distances) - abs(mean - 1.0)
        self.steps += 1
        return self.seen(), [reward] * len(self.places), False, self.steps == self.horizon
