"""Muon: momentum whose singular values are all made one.

O = U·Vᵀ of Nesterov's momentum U·Σ·Vᵀ     interpolated_momentum, orthogonalize
θ ← θ − η · (√max(1, out/in)·O + λ·θ)      scale_by_shape, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, derived
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix, through
from adamx.linalg.matrix_view import View
from adamx.optimizers.adamw import adamw
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import as_matrices
from adamx.transforms.matrices.orthogonalize import orthogonalize
from adamx.transforms.momentum.interpolation import interpolated_momentum
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import ShapeScale, scale_by_shape
from adamx.types import Scalar

ORTHOGONALIZE = orthogonalize()


def _squared(beta: Scalar) -> Scalar:
    return beta * beta


def _momentum(beta: Decay, nesterov: bool, bias_corrected: bool) -> Transform:
    """Return the average of the gradients, with one of Nesterov's two forms or none."""
    if not nesterov:
        return scale_by_momentum(beta)
    if bias_corrected:
        return nesterov_momentum(beta)
    # b·μ + (1−b)·g of the new μ is b²·μ + (1−b²)·g of the old one.
    return interpolated_momentum(derived(_squared, beta), beta)


@transform
def scale_by_muon(
    beta: Decay = 0.95,
    *,
    nesterov: bool = True,
    bias_corrected: bool = False,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "none",
    orthogonalize: TransformLike = ORTHOGONALIZE,
    view: View | None = None,
) -> Transform:
    """Orthogonalize the momentum of every leaf, without decay and learning rate.

    μ ← b·μ + (1−b)·g
    u = s·O, where O = U·Vᵀ of b·μ + (1−b)·g = U·Σ·Vᵀ

    See `muon` for the other arguments.

    Args:
        beta: b in [0, 1).
        scale: s, as in `scale_by_shape`; 1 by default.

    Returns:
        The transform; its state is `mu`, like the parameters, at least float32. With
        `bias_corrected` it also has the scalars of `nesterov_momentum`.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> exact = adamx.orthogonalize("polar_express", 8)
        >>> tx = adamx.scale_by_muon(orthogonalize=exact)
        >>> g = jnp.array([[3.0, 0.0], [0.0, -0.5]])
        >>> jnp.round(tx.update(g, tx.init(g))[0], 2).tolist()
        [[1.0, 0.0], [0.0, -1.0]]
    """
    matrices = chain(orthogonalize, scale_by_shape(consistent_rms, scale=scale))
    return chain(_momentum(beta, nesterov, bias_corrected), as_matrices(matrices, view))


@transform
def muon(
    learning_rate: Finite,
    beta: Decay = 0.95,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    *,
    nesterov: bool = True,
    bias_corrected: bool = False,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "width",
    orthogonalize: TransformLike = ORTHOGONALIZE,
    matrices: Labels = is_hidden_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
) -> Transform:
    """Orthogonalize the momentum of hidden matrices; use AdamW for all other leaves.

    μ ← b·μ + (1−b)·g
    u = −η · (s·O + λ·θ), where O = U·Vᵀ of b·μ + (1−b)·g = U·Σ·Vᵀ

    Two pieces are arguments, each with its own hyperparameters:

        muon(0.02, rest=adamw(3e-4, weight_decay=0.01))
        muon(0.02, orthogonalize=orthogonalize(ns_steps=6, dtype="bfloat16"))

    `matrices` decides which leaves are hidden matrices. `view` decides which of their
    axes are rows, fan-in, and columns, fan-out. Both look at paths and shapes alone;
    `adamx.describe(tx, params)` shows the result. Kernels of Equinox and PyTorch are
    (out, in, …) and need `view=adamx.out_in_view`: otherwise s is that of the
    transposed matrix, and a convolution is not orthogonal.

    Args:
        learning_rate: η. 0.02 is usual with the
            default scale. With `consistent_rms=0.2`, use that of AdamW.
        beta: b in [0, 1).
        weight_decay: λ, multiplied by the learning rate, and not by s.
        weight_decay_mask: which of the matrices decay; all by default.
        nesterov: whether to orthogonalize b·μ + (1−b)·g; otherwise μ.
        bias_corrected: whether Nesterov's momentum divides μ by 1 − bᵗ⁺¹ and g by
            1 − bᵗ, as Optax does; Jordan and PyTorch do not.
        consistent_rms: as in `scale_by_shape`; 0.2 is usual.
        scale: s, as in `scale_by_shape`: "width" is √max(1, out/in).
        orthogonalize: the transform of the momentum, seen as matrices; `orthogonalize`
            takes the coefficients, steps, ε and dtype of Newton–Schulz.
        matrices: the leaves that are orthogonalized, as for `masked`.
        view: as in `as_matrices`; `matrix_view` by default, for kernels (in, out) of
            Flax and Haiku; `out_in_view` for those of Equinox and PyTorch.
        rest: the optimizer of all other leaves, with its own learning rate;
            `adamw(learning_rate, weight_decay=0.0)` if None.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`. It
        needs the parameters.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
        Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv:2502.16982.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"dense/kernel": jnp.eye(2), "dense/bias": jnp.zeros(2)}
        >>> tx = adamx.muon(0.1, rest=adamx.sgd(0.5))
        >>> grads = {"dense/kernel": 4.0 * jnp.eye(2), "dense/bias": jnp.ones(2)}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> bool(jnp.allclose(updates["dense/kernel"], -0.1 * jnp.eye(2), atol=0.03))
        True
        >>> updates["dense/bias"].tolist()
        [-0.5, -0.5]
    """
    chosen = chain(
        scale_by_muon(
            beta,
            nesterov=nesterov,
            bias_corrected=bias_corrected,
            consistent_rms=consistent_rms,
            scale=scale,
            orthogonalize=orthogonalize,
            view=view,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    rest = adamw(learning_rate, weight_decay=0.0) if rest is None else rest
    return split(through(view, matrices), matrices=chosen, rest=rest)
