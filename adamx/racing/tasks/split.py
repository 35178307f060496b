"""Data to train with, and data that is held out."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.extras import extras


class Split(NamedTuple):
    """Inputs, one row each, and their classes: to train with and to test with."""

    train_x: jax.Array
    test_x: jax.Array
    train_y: jax.Array
    test_y: jax.Array


def split(x: Any, y: Any, seed: int, dtype: Any = np.float32) -> Split:
    """Hold out a fifth of the data, with the same share of every class."""
    with extras():
        from sklearn.model_selection import train_test_split
    parts = train_test_split(
        np.asarray(x, dtype), y, test_size=0.2, stratify=y, random_state=seed
    )
    return Split(*map(jnp.asarray, parts))


def normalized(data: Split) -> Split:
    """Return each input with mean 0 and deviation 1 over the training data."""
    mean, deviation = data.train_x.mean(axis=0), data.train_x.std(axis=0)
    return data._replace(
        train_x=(data.train_x - mean) / deviation,
        test_x=(data.test_x - mean) / deviation,
    )
