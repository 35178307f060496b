"""A small transformer that predicts the next character."""

from typing import Any

import jax
import jax.numpy as jnp

WIDTH = 64
LAYERS = 2
HEADS = 4
CONTEXT = 64


def init_transformer(key: jax.Array, characters: int) -> dict[str, Any]:
    """Return embeddings, layers of attention and a network, and the output layer."""
    keys = iter(jax.random.split(key, 3 + 4 * LAYERS))

    def weights(rows: int, columns: int, gain: float = 1.0) -> jax.Array:
        return jax.random.normal(next(keys), (rows, columns)) * (gain * rows**-0.5)

    # Each layer adds to the stream: together they begin as large as one.
    rest = (2 * LAYERS) ** -0.5
    return {
        "character_embedding": weights(characters, WIDTH, 0.02 * characters**0.5),
        "place_embedding": weights(CONTEXT, WIDTH, 0.02 * CONTEXT**0.5),
        "layers": [
            {
                "attention": jnp.ones(WIDTH),
                "qkv": weights(WIDTH, 3 * WIDTH),
                "out": weights(WIDTH, WIDTH, rest),
                "network": jnp.ones(WIDTH),
                "up": weights(WIDTH, 4 * WIDTH),
                "down": weights(4 * WIDTH, WIDTH, rest),
            }
            for _ in range(LAYERS)
        ],
        "last": jnp.ones(WIDTH),
        "output": weights(WIDTH, characters),
    }


def transformer(params: Any, text: jax.Array) -> jax.Array:
    """Return logits of the next character for `text`, whole numbers (rows, length)."""
    places = params["place_embedding"][: text.shape[1]]
    x = params["character_embedding"][text] + places
    for layer in params["layers"]:
        x = x + _attend(_norm(x, layer["attention"]) @ layer["qkv"]) @ layer["out"]
        hidden = jax.nn.gelu(_norm(x, layer["network"]) @ layer["up"])
        x = x + hidden @ layer["down"]
    return _norm(x, params["last"]) @ params["output"]


def _norm(x: jax.Array, gain: jax.Array) -> jax.Array:
    """Normalize by the root mean square."""
    return x * gain * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)


def _attend(qkv: jax.Array) -> jax.Array:
    """Apply causal attention of several heads."""
    rows, length, _ = qkv.shape
    q, k, v = jnp.moveaxis(qkv.reshape(rows, length, 3, HEADS, -1), 2, 0)
    scores = jnp.einsum("rqhd,rkhd->rhqk", q, k) * q.shape[-1] ** -0.5
    past = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(past, scores, -jnp.inf))
    return jnp.einsum("rhqk,rkhd->rqhd", weights, v).reshape(rows, length, -1)
