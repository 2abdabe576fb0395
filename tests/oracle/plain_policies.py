"""Policies of a team, and what they are told, again in float64 NumPy, written from the papers: one agent at a time."""

import numpy as np
from numpy_transformer import norm, turned

EPSILON = 1e-5
BASE = 10_000.0
SMALLEST, EDGE = 1e-8, 1e-6  # what is added to squared lengths, and how near to 1 cosines come


def softmax(values):
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def log_softmax(values):
    values = values - values.max(axis=-1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))


def block(weights, stream, heads):
    """A block of a transformer; each vector attends to itself and to those before it."""
    size = weights["q"].shape[0] // heads
    found = []
    for position, x in enumerate(stream):
        parts = []
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)

            def of(name, p, rows=rows):
                vector = weights[name][rows] @ norm(stream[p], weights["attention_norm"], EPSILON)
                return vector if name == "v" else turned(vector, p, BASE)

            query = of("q", position)
            shares = softmax(np.array([query @ of("k", p) for p in range(position + 1)]) / np.sqrt(size))
            parts.append(sum(share * of("v", p) for p, share in enumerate(shares)))
        x = x + weights["o"] @ np.concatenate(parts)
        y = norm(x, weights["inner_norm"], EPSILON)
        gate = weights["gate"] @ y
        found.append(x + weights["down"] @ (gate / (1 + np.exp(-gate)) * (weights["up"] @ y)))
    return np.stack(found)


def policy(network, vectors, heads):
    """Features and logits of one network, `[readouts][steps, spoken_for, ...]`, from vectors of steps."""
    x = vectors @ network.inward.weight.T
    features, logits = [], []
    for layer in network.layers:
        if hasattr(layer.body, "q"):
            names = type(layer.body).__dataclass_fields__
            weights = {name: getattr(layer.body, name) for name in names}
            weights = {name: getattr(part, "weight", part) for name, part in weights.items()}
            x = block(weights, x, heads)
        else:
            x = np.maximum(0.0, x @ layer.body.weight.T)
        if layer.head is None:
            continue
        read = np.stack([norm(row, layer.gain, EPSILON) for row in x])
        maps = [np.eye(len(layer.gain))] if layer.maps is None else layer.maps
        mapped = np.stack([[one @ row for one in maps] for row in read])
        features.append(mapped)
        logits.append(np.stack([[head @ f for head, f in zip(layer.head, row, strict=True)] for row in mapped]))
    return np.stack(features), np.stack(logits)


def vectors_of(window, agent, agents, actions, returns=True, shared=False, centralised=False):
    """What one agent's network is given of each step; of a centralised one the part of this agent."""
    rows = []
    for step in range(len(window.time)):
        before = int(window.before[step, agent])
        row = [*window.observation[step, agent], *(float(before == action) for action in range(actions))]
        row += [window.returns[step, agent]] if returns else []
        row += [] if centralised else [window.time[step]]
        row += [float(agent == other) for other in range(agents)] if shared else []
        rows.append(row)
    return np.array(rows, np.float64)


def read(networks, window, settings, agents, actions):
    """Features and masked logits `[readouts, steps, agents, ...]` of a team's networks: a list, or a single one."""
    centralised = settings.centralised
    of = [
        vectors_of(window, agent, agents, actions, settings.returns, settings.shared, centralised)
        for agent in range(agents)
    ]
    if centralised:
        whole = np.concatenate([*of, np.asarray(window.time, np.float64)[:, None]], axis=1)
        features, logits = policy(networks, whole, settings.heads)
    else:
        each = networks if isinstance(networks, list) else [networks] * agents
        found = [policy(network, rows, settings.heads) for network, rows in zip(each, of, strict=True)]
        features, logits = (np.concatenate([one[part] for one in found], axis=2) for part in (0, 1))
    return features, np.where(window.legal, logits, -1e9)


def action_loss(logits, action, weight):
    """Cross-entropy of what was done, mean over what has weight."""
    total = 0.0
    for place in np.ndindex(action.shape):
        total -= weight[place] * log_softmax(logits[place])[action[place]]
    return total / max(weight.sum(), 1.0)


def divergence(teacher, student, weight):
    """KL(teacher || student), mean over what has weight."""
    total = 0.0
    for place in np.ndindex(weight.shape):
        p, q = softmax(teacher[place]), softmax(student[place])
        total += weight[place] * sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)
    return total / max(weight.sum(), 1.0)


def feature_distance(teacher, student, weight):
    """Mean square of the differences, mean over what has weight."""
    total = 0.0
    for place in np.ndindex(weight.shape):
        total += weight[place] * np.mean((teacher[place] - student[place]) ** 2)
    return total / max(weight.sum(), 1.0)


def angle(one, other):
    """Between two vectors, in radians; to a vector of zeros a right angle."""
    lengths = [np.sqrt(vector @ vector + SMALLEST) for vector in (one, other)]
    return np.arccos(np.clip(one @ other / np.prod(lengths), -1 + EDGE, 1 - EDGE))


def relation(teacher, student, weight, others=None):
    """Of every agent the sum over others of Huber(angle of the teacher's features, angle of the students')."""
    agents, total = weight.shape[-1], 0.0
    others = student if others is None else others
    for place in np.ndindex(weight.shape[:-1]):
        for i in range(agents):
            for j in range(agents):
                if i == j:
                    continue
                apart = angle(student[place][i], others[place][j]) - angle(teacher[place][i], teacher[place][j])
                huber = apart**2 / 2 if abs(apart) <= 1 else abs(apart) - 0.5
                total += weight[place][i] * weight[place][j] * huber
    return total / max(weight.sum(), 1.0)


def mapped(net, features):
    """What a mapping net makes of features."""
    return np.maximum(0.0, features @ np.asarray(net.inner).T) @ np.asarray(net.outer).T
