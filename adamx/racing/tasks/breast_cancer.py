"""Benign or malignant: 30 measurements of a cell, and a small network."""

from typing import Any

import jax
import jax.numpy as jnp

from adamx.racing.extras import extras
from adamx.racing.task import Task, drawn
from adamx.racing.tasks.mlp import binary_cross_entropy, init_mlp, mlp
from adamx.racing.tasks.split import Split, normalized, split

SIZES = (30, 32, 1)


def breast_cancer_data(seed: int = 0) -> Split:
    """Scikit-learn's `load_breast_cancer`: 455 to learn from and 114 held out."""
    with extras():
        from sklearn.datasets import load_breast_cancer
    features, benign = load_breast_cancer(return_X_y=True)
    return normalized(split(features, benign, seed))


def breast_cancer(batch_size: int = 32) -> Task:
    """Binary cross-entropy of a network with 32 hidden units."""
    data = breast_cancer_data()

    def loss(params: Any, batch: Any) -> jax.Array:
        x, y = batch
        return binary_cross_entropy(mlp(params, x)[:, 0], y)

    def accuracy(params: Any) -> jax.Array:
        return jnp.mean((mlp(params, data.test_x)[:, 0] > 0) == data.test_y)

    return Task(
        init=lambda key: init_mlp(key, SIZES, jax.nn.initializers.glorot_uniform()),
        loss=loss,
        batches=drawn((data.train_x, data.train_y), batch_size),
        validation=(data.test_x, data.test_y),
        name="breast_cancer",
        title="Breast cancer: 30 measurements, 32 hidden units",
        steps=300,
        target=0.1,
        accuracy=accuracy,
    )
