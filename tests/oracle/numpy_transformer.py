"""Llama's transformer in float64 NumPy, one token and one head at a time, written from the papers.

Positions turn complex numbers: a head's vector is (x_i + i x_{i + half}), which its position p multiplies by
exp(i p base^(-2i / size)). With `interleaved` the pairs are neighbours instead, as llama.cpp has it.
"""

import numpy as np


def matrices(model):
    """The arrays of a `Transformer`: of every block, and the rest."""

    def double(part):
        return np.asarray(part.full() if hasattr(part, "full") else part, np.float64)

    blocks = [
        {name: double(getattr(block, name)) for name in type(block).__dataclass_fields__} for block in model.blocks
    ]
    rest = {"embedding": double(model.embedding), "norm": double(model.norm)}
    rest["output"] = rest["embedding"] if model.output is None else double(model.output)
    return blocks, rest


def norm(x, gain, epsilon):
    return gain * x / np.sqrt(np.mean(x**2) + epsilon)


def turned(vector, position, base, interleaved=False):
    half = len(vector) // 2
    angles = position * float(base) ** (-2 * np.arange(half) / len(vector))
    first, second = (vector[::2], vector[1::2]) if interleaved else (vector[:half], vector[half:])
    turn = (first + 1j * second) * np.exp(1j * angles)
    if interleaved:
        return np.stack([turn.real, turn.imag], axis=1).reshape(-1)
    return np.concatenate([turn.real, turn.imag])


def logits(blocks, rest, settings, tokens, interleaved=False, attended=None):
    """Logits after every token; `attended`, a list, is given the weights of every block, token and head in turn."""
    size, base, epsilon = settings.head_size, settings.rope_base, settings.epsilon
    stream = [rest["embedding"][token] for token in tokens]
    for block in blocks:
        heads = {}
        for position, x in enumerate(stream):
            y = norm(x, block["attention_norm"], epsilon)
            for name in "qkv":
                for head, vector in enumerate((block[name] @ y).reshape(-1, size)):
                    turns = name != "v"
                    heads[name, position, head] = turned(vector, position, base, interleaved) if turns else vector
        for position, x in enumerate(list(stream)):
            mixed = []
            for head in range(settings.heads):
                shared = head // (settings.heads // settings.key_value_heads)
                scores = np.array(
                    [heads["q", position, head] @ heads["k", p, shared] / np.sqrt(size) for p in range(position + 1)]
                )
                weights = np.exp(scores - scores.max())
                weights /= weights.sum()
                if attended is not None:
                    attended.append(weights)
                mixed.append(sum(w * heads["v", p, shared] for p, w in enumerate(weights)))
            x = x + block["o"] @ np.concatenate(mixed)
            y = norm(x, block["inner_norm"], epsilon)
            gate = block["gate"] @ y
            stream[position] = x + block["down"] @ (gate / (1 + np.exp(-gate)) * (block["up"] @ y))
    return np.stack([rest["output"] @ norm(x, rest["norm"], epsilon) for x in stream])


def token_log_probs(blocks, rest, settings, prompt, action):
    """Log-probability of every token of an action behind a prompt, and the entropy of each distribution."""
    found = logits(blocks, rest, settings, [*prompt, *action])[len(prompt) - 1 : -1]
    found = found - found.max(axis=1, keepdims=True)
    log_probs = found - np.log(np.exp(found).sum(axis=1, keepdims=True))
    return log_probs[np.arange(len(action)), action], -(np.exp(log_probs) * log_probs).sum(axis=1)
