"""MNIST-1D: ten signals of 40 numbers, shifted, stretched and noisy."""

import random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.extras import extras
from adamx.racing.task import Task
from adamx.racing.tasks.classes import classification
from adamx.racing.tasks.mlp import init_mlp, mlp
from adamx.racing.tasks.split import Split

SIZES = (40, 128, 10)


def generated() -> dict[str, Any]:
    """Return the data of Greydanus (2020, arXiv:2011.14439), made by its own generator.

    Nothing is downloaded: the generator needs templates and noise only. It seeds
    NumPy's and Python's global random numbers, which are put back here.
    """
    with extras():
        from mnist1d.data import get_dataset_args, make_dataset
    before = random.getstate(), np.random.get_state()
    try:
        return make_dataset(get_dataset_args())
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def mnist1d(batch_size: int = 64) -> Task:
    """Return 4,000 signals to learn from and 1,000 held out; 128 hidden units."""
    data = generated()
    inputs = (jnp.asarray(data[k], jnp.float32) for k in ("x", "x_test"))
    classes = (jnp.asarray(data[k]) for k in ("y", "y_test"))
    return classification(
        Split(*inputs, *classes),
        mlp,
        batch_size,
        init=lambda key: init_mlp(key, SIZES, jax.nn.initializers.he_normal()),
        name="mnist1d",
        title="MNIST-1D: 40 numbers a signal, 128 hidden units",
        steps=600,
        target=1.3,
    )
