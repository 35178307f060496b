"""A network with one hidden layer, and its losses."""

from typing import TypeAlias

import jax
import jax.numpy as jnp

Layers: TypeAlias = dict[str, dict[str, jax.Array]]


def init_mlp(
    key: jax.Array,
    sizes: tuple[int, int, int],
    initializer: jax.nn.initializers.Initializer,
) -> Layers:
    """Return weights of a network with one hidden layer; its biases start at zero."""
    inputs, hidden, outputs = sizes
    hidden_key, output_key = jax.random.split(key)
    return {
        "hidden": {
            "w": initializer(hidden_key, (inputs, hidden)),
            "b": jnp.zeros(hidden),
        },
        "output": {
            "w": initializer(output_key, (hidden, outputs)),
            "b": jnp.zeros(outputs),
        },
    }


def mlp(params: Layers, x: jax.Array) -> jax.Array:
    """Return the logits of the network for each row of `x`."""
    hidden = jax.nn.relu(x @ params["hidden"]["w"] + params["hidden"]["b"])
    return hidden @ params["output"]["w"] + params["output"]["b"]


def cross_entropy(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """Return the mean cross-entropy; the classes are the last axis of `logits`."""
    log_probs = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probs, classes[..., None], axis=-1))


def binary_cross_entropy(logits: jax.Array, y: jax.Array) -> jax.Array:
    """Return mean binary cross-entropy: no log of a sigmoid that became 0."""
    return jnp.mean(jax.nn.softplus(logits) - y * logits)


def share_right(logits: jax.Array, classes: jax.Array) -> jax.Array:
    """Return how many of the classes have the largest logit."""
    return jnp.mean(logits.argmax(axis=-1) == classes)
