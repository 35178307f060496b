"""Benign or malignant: 30 measurements of a cell, and a small network."""

import jax
import jax.numpy as jnp

from adamx.racing.extras import extras
from adamx.racing.task import Task
from adamx.racing.tasks.classes import classification
from adamx.racing.tasks.mlp import binary_cross_entropy, init_mlp, mlp
from adamx.racing.tasks.split import Split, normalized, split

SIZES = (30, 32, 1)


def breast_cancer_data(seed: int = 0) -> Split:
    """Return 455 examples to train with and 114 held out, of scikit-learn."""
    with extras():
        from sklearn.datasets import load_breast_cancer
    features, benign = load_breast_cancer(return_X_y=True)
    return normalized(split(features, benign, seed))


def breast_cancer(batch_size: int = 32) -> Task:
    """Return the binary cross-entropy of a network with 32 hidden units."""
    return classification(
        breast_cancer_data(),
        lambda params, x: mlp(params, x)[:, 0],
        batch_size,
        loss=binary_cross_entropy,
        right=lambda logits, y: jnp.mean((logits > 0) == y),
        init=lambda key: init_mlp(key, SIZES, jax.nn.initializers.glorot_uniform()),
        name="breast_cancer",
        title="Breast cancer: 30 measurements, 32 hidden units",
        steps=300,
        target=0.1,
    )
