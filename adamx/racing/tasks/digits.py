"""Handwritten digits of 8 × 8 pixels, read by a network with one hidden layer."""

import jax

from adamx.racing.extras import extras
from adamx.racing.task import Task
from adamx.racing.tasks.classes import classification
from adamx.racing.tasks.mlp import init_mlp, mlp
from adamx.racing.tasks.split import split


def digits(batch_size: int = 32, hidden: int = 32) -> Task:
    """Return 1,437 digits to train with and 360 held out, of scikit-learn."""
    with extras():
        from sklearn.datasets import load_digits
    pixels, classes = load_digits(return_X_y=True)
    data = split(pixels / 16, classes, seed=0)
    sizes = (64, hidden, 10)

    return classification(
        data,
        mlp,
        batch_size,
        init=lambda key: init_mlp(key, sizes, jax.nn.initializers.he_normal()),
        name="digits",
        title=f"Handwritten digits: 8 × 8 pixels, {hidden} hidden units",
        steps=400,
        target=0.15,
    )
