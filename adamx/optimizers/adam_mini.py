"""Adam-mini: Adam with one second moment for each block of a leaf.

μ ← b1·μ + (1−b1)·g                         scale_by_momentum
ν ← b2·ν + (1−b2)·(mean of g² over a block)  block_moment
θ ← θ − η · (μ̂ / (√ν̂ + ε) + λ·θ)            moments_ratio
"""

from collections.abc import Mapping
from typing import Any

from adamx.core.chain import chain
from adamx.core.partition import partition
from adamx.core.transform import Transform, transform
from adamx.errors import TransformError
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.optimizers.adam import moments_ratio
from adamx.transforms.clipping.clip_leaf import clip_leaf
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.moments.bias_correct import bias_correct
from adamx.transforms.moments.block_moment import Blocks, block_moment
from adamx.transforms.moments.second_moment import second_moment
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def adam_mini(
    learning_rate: Finite,
    b1: Decay = 0.9,
    b2: Decay = 0.999,
    eps: NonNegative = 1e-8,
    eps_root: NonNegative = 0.0,
    *,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    blocks: Blocks | Mapping[Any, Blocks] = -1,
    block_labels: Labels | None = None,
) -> Transform:
    """Halve the memory of AdamW: the numbers of a block share their second moment.

    μ ← b1·μ + (1−b1)·g,  ν ← b2·ν + (1−b2)·(mean of |g|² over the block)
    u = −η · (μ/(1−b1ᵗ) / (√(ν/(1−b2ᵗ) + ε_root) + ε) + λ·θ)

    By default, `blocks=-1`, each index of the last axis is a block. In JAX, where
    kernels are (in, out), that is each neuron, and each number of a vector. `blocks`
    may differ by leaf: with a mapping, `block_labels` says which entry a leaf has.

    The authors' code goes by names in the path, and kernels of PyTorch are (out, in).
    There embeddings and output layers have a block for each token (first axis), queries
    and keys one for each head, values, projections and MLPs one for each neuron (first
    axis), biases one for each number, and other leaves, such as norms, one block, ().

    See `adam` for the other arguments.

    Args:
        learning_rate: η.
        weight_decay: λ.
        mask: which parameters decay; all by default. The authors' code leaves out norms
            and biases.
        blocks: the axes that blocks are counted along, as for `block_moment`, or a
            mapping from labels to such axes.
        block_labels: the label of each leaf, if `blocks` is a mapping: a function
            `(path, leaf) -> label` or a tree.

    Returns:
        A transform that keeps `mu`, and `nu` with one number for each block.

    Raises:
        TransformError: `blocks` is a mapping and `block_labels` is None; or in use, an
            axis is not divisible into its blocks, or `blocks` lacks a label.

    Reference:
        Zhang et al., "Adam-mini: Use Fewer Learning Rates To Gain More", 2024,
        arXiv:2406.16793.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> heads = 2
        >>> tx = adamx.adam_mini(
        ...     0.1,
        ...     blocks={"token": 0, "head": ((-1, heads),), "neuron": -1},
        ...     block_labels=lambda path, leaf: (
        ...         "token" if "embed" in path else
        ...         "head" if "query" in path or "key" in path else "neuron"
        ...     ),
        ... )
        >>> params = {"embed": jnp.ones((5, 4)), "query": jnp.ones((4, 4))}
        >>> state = tx.init(params)
        >>> sorted(state["partition"])
        ['head', 'neuron', 'token']
    """

    def direction(blocks: Blocks) -> Transform:
        momentum = bias_correct(scale_by_momentum(b1))
        moment, average = block_moment(b2, blocks), second_moment(b2)
        ratio = moments_ratio(moment, momentum, eps, eps_root, False, average)
        return chain(clip_leaf(), ratio)

    if isinstance(blocks, Mapping) != (block_labels is not None):
        raise TransformError(
            "adam_mini: blocks and block_labels do not go together",
            expected="block_labels where blocks is a mapping, and only there",
            got=f"blocks={blocks!r}, block_labels={block_labels!r}",
        )
    by_label = blocks if isinstance(blocks, Mapping) else {None: blocks}
    parts = {label: direction(some) for label, some in by_label.items()}
    return chain(
        partition(parts, block_labels) if block_labels is not None else parts[None],
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
