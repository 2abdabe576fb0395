"""A task of your own: which of three spirals is it? `accumbens fit examples.custom_task:spirals backprop`"""

import numpy as np

from accumbens.credit.protocol import TaskFacts
from accumbens.credit.tasks.protocol import Examples, task_of_examples
from accumbens.credit.tasks.registry import register_task

ARMS = 3


def make(settings, batch_size, data):
    generator = np.random.default_rng(settings.split_seed)

    def draw(count):
        y = generator.integers(ARMS, size=count)
        radius = generator.uniform(0.1, 1, count)
        angle = 2 * np.pi * (radius + y / ARMS) + generator.normal(0, 0.15, count)
        x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return Examples(x.astype(np.float32), y.astype(np.int32))

    return task_of_examples(TaskFacts("classification", inputs=2, outputs=ARMS), draw(1000), draw(500), draw(500))


register_task("spirals", make, summary="which of three spirals a point of the plane lies on")
