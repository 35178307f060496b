"""The parameter trees that optimizers are timed on."""

import jax
import jax.numpy as jnp
import numpy as np

Shapes = dict[str, tuple[int, ...]]


def gpt2_small() -> Shapes:
    """The 148 arrays of GPT-2 small, 124 M numbers (Radford et al., 2019)."""
    return transformer(768, 12, 50257, 1024)


def transformer(width: int, layers: int, words: int, places: int) -> Shapes:
    """The arrays of a transformer that is built as GPT-2."""
    shapes: Shapes = {"wte": (words, width), "wpe": (places, width)}
    for layer in range(layers):
        block: Shapes = {
            "ln_1/scale": (width,),
            "ln_1/bias": (width,),
            "attn/qkv/kernel": (width, 3 * width),
            "attn/qkv/bias": (3 * width,),
            "attn/proj/kernel": (width, width),
            "attn/proj/bias": (width,),
            "ln_2/scale": (width,),
            "ln_2/bias": (width,),
            "mlp/fc/kernel": (width, 4 * width),
            "mlp/fc/bias": (4 * width,),
            "mlp/proj/kernel": (4 * width, width),
            "mlp/proj/bias": (width,),
        }
        shapes |= {f"h{layer}/{name}": shape for name, shape in block.items()}
    return shapes | {"ln_f/scale": (width,), "ln_f/bias": (width,)}


def small_matrices(layers: int) -> Shapes:
    """The four matrices of each layer of a transformer of width 16, alone."""
    found = transformer(16, layers, 1, 1)
    return {name: shape for name, shape in found.items() if name.endswith("kernel")}


def small_leaves(n: int) -> Shapes:
    """Layers of a small network: a kernel and its bias, n arrays in all."""
    shapes = ((16, 16), (16,))
    return {f"leaf{i:04d}": shapes[i % 2] for i in range(n)}


TREES: dict[str, Shapes] = {
    "one leaf of 16.8 M": {"w": (4096, 4096)},
    "16 leaves of 1 M": {f"w{i:02d}": (1024, 1024) for i in range(16)},
    "GPT-2 small, 148 leaves": gpt2_small(),
    "400 small leaves": small_leaves(400),
    "1,000 small leaves": small_leaves(1000),
    "3,000 small leaves": small_leaves(3000),
}


def random_tree(shapes: Shapes, seed: int) -> dict[str, jax.Array]:
    """Normal numbers in the shapes of a tree."""
    rng = np.random.default_rng(seed)
    return {
        name: jnp.asarray(rng.standard_normal(shape, np.float32) * 0.02)
        for name, shape in shapes.items()
    }
