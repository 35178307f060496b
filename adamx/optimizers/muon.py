"""Muon: momentum whose singular values are all made one.

O = U·Vᵀ of Nesterov's momentum U·Σ·Vᵀ     interpolated_momentum, orthogonalize
θ ← θ − η · (√max(1, out/in)·O + λ·θ)      scale_by_shape, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import PositiveInteger, Stacking
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative, derived
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix, through
from adamx.linalg.matrix_view import View
from adamx.linalg.newton_schulz import NSCoeffs
from adamx.optimizers.adamw import adamw
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.orthogonalize import Dtype, orthogonalize
from adamx.transforms.momentum.interpolation import interpolated_momentum
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.momentum.nesterov import nesterov_momentum
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import ShapeScale, scale_by_shape
from adamx.types import Scalar
from adamx.wrappers.as_matrices import as_matrices


def _squared(beta: Scalar) -> Scalar:
    return beta * beta


def muon_momentum(beta: Decay, nesterov: bool, bias_corrected: bool) -> Transform:
    """An average of the gradients, and Nesterov's look ahead in one of two forms."""
    if not nesterov:
        return scale_by_momentum(beta)
    if bias_corrected:
        return nesterov_momentum(beta)
    # b·μ + (1−b)·g of the new μ is b²·μ + (1−b²)·g of the old one.
    return interpolated_momentum(derived(_squared, beta), beta)


@transform
def scale_by_muon(
    ns_coeffs: NSCoeffs = "standard",
    ns_steps: PositiveInteger = 5,
    beta: Decay = 0.95,
    eps: NonNegative = 1e-8,
    *,
    nesterov: bool = True,
    bias_corrected: bool = False,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "none",
    dtype: Dtype | None = None,
    view: View | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Muon's direction, for all leaves, without decay and learning rate.

    μ ← b·μ + (1−b)·g
    u = s·O, where O = U·Vᵀ of b·μ + (1−b)·g = U·Σ·Vᵀ

    Args:
        ns_coeffs: as in `orthogonalize`.
        ns_steps: as in `orthogonalize`.
        beta: b in [0, 1), a number, traced scalar or schedule.
        eps: ε ≥ 0, added to the norm that the momentum is divided by, as in
            `orthogonalize`.
        nesterov: as in `muon`.
        bias_corrected: as in `muon`.
        consistent_rms: as in `scale_by_shape`.
        scale: s, as in `scale_by_shape`, none by default.
        dtype: of the products, as in `orthogonalize`.
        view: as in `as_matrices`.
        stacked: as in `orthogonalize`.

    Returns:
        The transform; its state is `mu`, like the parameters, at least float32, and
        the scalars of `nesterov_momentum` where that is used.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_muon("polar_express", 8)
        >>> g = jnp.array([[3.0, 0.0], [0.0, -0.5]])
        >>> jnp.round(tx.update(g, tx.init(g))[0], 2).tolist()
        [[1.0, 0.0], [0.0, -1.0]]
    """
    matrices = chain(
        orthogonalize(ns_coeffs, ns_steps, eps, dtype=dtype, stacked=stacked),
        scale_by_shape(consistent_rms, scale=scale),
    )
    return chain(
        muon_momentum(beta, nesterov, bias_corrected), as_matrices(matrices, view)
    )


@transform
def muon(
    learning_rate: Finite,
    ns_coeffs: NSCoeffs = "standard",
    ns_steps: PositiveInteger = 5,
    beta: Decay = 0.95,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    weight_decay_mask: Labels | None = None,
    *,
    nesterov: bool = True,
    bias_corrected: bool = False,
    cautious_decay: bool = False,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "width",
    dtype: Dtype | None = None,
    matrices: Labels = is_hidden_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    adam_b1: Decay = 0.9,
    adam_b2: Decay = 0.999,
    adam_eps_root: NonNegative = 0.0,
    adam_weight_decay: Finite = 0.0,
    adam_learning_rate: Finite | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Momentum orthogonalized by Newton–Schulz; AdamW where there is no hidden matrix.

    μ ← b·μ + (1−b)·g
    u = −η · (s·O + λ·θ), where O = U·Vᵀ of b·μ + (1−b)·g = U·Σ·Vᵀ

    `matrices` decides which leaves are hidden matrices, and `view` which of their axes
    are rows, fan-in, and columns, fan-out. Both look at paths and shapes alone.
    `adamx.describe(tx, params)` shows what they decide. Kernels of Equinox and PyTorch,
    (out, in, …), need `view=adamx.out_in_view`: otherwise s is that of the transposed
    matrix, and a convolution is not orthogonal.

    Args:
        learning_rate: η, a number, traced scalar or schedule. 0.02 is usual with the
            default scale; with `consistent_rms=0.2` it is that of AdamW.
        ns_coeffs: as in `orthogonalize`.
        ns_steps: as in `orthogonalize`.
        beta: b in [0, 1), a number, traced scalar or schedule.
        eps: ε ≥ 0, added to the norm that the momentum is divided by, as in
            `orthogonalize`; and AdamW's.
        weight_decay: λ, multiplied by the learning rate, and not by s.
        weight_decay_mask: which of the matrices decay, as for `masked`; all by default.
        nesterov: whether what is orthogonalized is b·μ + (1−b)·g, or μ.
        bias_corrected: whether μ and g in that are divided by 1 − bᵗ⁺¹ and 1 − bᵗ, as
            Optax does; Jordan and PyTorch do not.
        cautious_decay: as `cautious` in `add_decayed_weights`.
        consistent_rms: as in `scale_by_shape`; 0.2 is usual.
        scale: s, as in `scale_by_shape`: "width" is √max(1, out/in).
        dtype: of the products, as in `orthogonalize`.
        matrices: the leaves that get this, as for `masked`; `is_hidden_matrix` by
            default.
        view: as in `as_matrices`; `matrix_view` by default, for kernels (in, out) of
            Flax and Haiku; `out_in_view` is for those of Equinox and PyTorch.
        rest: what the other leaves get; AdamW with the arguments that follow if None.
        adam_b1: decay of AdamW's first moment, in [0, 1).
        adam_b2: decay of its second moment, in [0, 1).
        adam_eps_root: its ε_root ≥ 0.
        adam_weight_decay: its λ.
        adam_learning_rate: its η; that of the matrices if None.
        stacked: as in `orthogonalize`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`. It
        needs the parameters.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

    Reference:
        Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
        Liu et al., "Muon is Scalable for LLM Training", 2025, arXiv:2502.16982.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"dense/kernel": jnp.eye(2), "dense/bias": jnp.zeros(2)}
        >>> tx = adamx.muon(0.1, "polar_express", 8)
        >>> grads = {"dense/kernel": 4.0 * jnp.eye(2), "dense/bias": jnp.ones(2)}
        >>> updates, state = tx.update(grads, tx.init(params), params)
        >>> bool(jnp.allclose(updates["dense/kernel"], -0.1 * jnp.eye(2)))
        True
        >>> sorted(state["split"])
        ['matrices', 'rest']
    """
    chosen = chain(
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            nesterov=nesterov,
            bias_corrected=bias_corrected,
            consistent_rms=consistent_rms,
            scale=scale,
            dtype=dtype,
            view=view,
            stacked=stacked,
        ),
        add_decayed_weights(weight_decay, weight_decay_mask, cautious=cautious_decay),
        scale_by_learning_rate(learning_rate),
    )
    if rest is None:
        rate = learning_rate if adam_learning_rate is None else adam_learning_rate
        moments = adam_b1, adam_b2, eps, adam_eps_root
        rest = adamw(rate, *moments, weight_decay=adam_weight_decay)
    return split(through(view, matrices), matrices=chosen, rest=rest)
