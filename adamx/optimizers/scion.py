"""Scion: steps to the surface of a ball, of a norm that suits the layer.

μ ← b·μ + (1−b)·g                          scale_by_momentum
θ ← θ − η · (ρ·lmo(μ) + θ), or − η·ρ·lmo(μ)
"""

from typing import Annotated, Literal, TypeAlias

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, transform
from adamx.hyperparameters.arguments import OneOf, PositiveInteger, Stacking
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.linalg.matrix_view import View
from adamx.linalg.newton_schulz import NSCoeffs
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.norm_ball import scale_by_norm_ball
from adamx.transforms.matrices.orthogonalize import Dtype, orthogonalize
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import scale_by_shape
from adamx.types import Array
from adamx.wrappers.as_matrices import as_matrices

Norm: TypeAlias = Annotated[
    Literal["auto", "spectral", "sign", "colnorm", "rownorm", "rms"],
    OneOf(("auto", "spectral", "sign", "colnorm", "rownorm", "rms")),
]


def _has_rows(path: str, leaf: Array) -> bool:
    return len(leaf.shape) > 1


@transform
def scion(
    learning_rate: Finite,
    norm: Norm = "auto",
    radius: NonNegative = 1.0,
    beta: Decay = 0.9,
    eps: NonNegative = 1e-8,
    weight_decay: Finite = 0.0,
    *,
    normalized: bool = True,
    constrained: bool = False,
    ns_coeffs: NSCoeffs = "standard",
    ns_steps: PositiveInteger = 5,
    dtype: Dtype | None = None,
    view: View | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Step to where a ball of some norm is farthest down the averaged gradient.

    μ ← b·μ + (1−b)·g
    u = −η · (ρ·lmo(μ) + λ·θ), with λ = 1 if constrained

    Constrained, θ stays in the ball of radius ρ. Of the norms "spectral" is for hidden
    matrices, √(out/in)·U·Vᵀ; "sign" for the last layer; "colnorm", not normalized, for
    the first, "rms" for biases; "auto" is "rms" for vectors and "spectral" for all
    others. The formulas are those of `scale_by_norm_ball`. Layers of several kinds:

        param_groups({"head/*": scion(η, "sign", 3000.0)}, rest=scion(η, radius=50.0))

    Args:
        learning_rate: η, a number, traced scalar or schedule.
        norm: one of these.
        radius: ρ ≥ 0. In the paper's NanoGPT 50 of "spectral" and 3,000 of "sign". The
            authors divide that of convolutions by √k, with kernels of k places.
        beta: b in [0, 1), one minus what the authors call momentum.
        eps: ε ≥ 0, added to norms, as in `scale_by_norm_ball`.
        weight_decay: λ, where not constrained.
        normalized: as in `scale_by_norm_ball`; of "spectral" False is √out·U·Vᵀ.
        constrained: whether the parameters are to stay in the ball: λ = 1.
        ns_coeffs: as in `orthogonalize`.
        ns_steps: as in `orthogonalize`.
        dtype: of the products, as in `orthogonalize`.
        view: as in `as_matrices`.
        stacked: as in `orthogonalize`.

    Returns:
        The transform; its state is `mu`, like the parameters, at least float32. It
        needs the parameters.

    Raises:
        TransformError: an argument is unknown, or outside its interval.

    Reference:
        Pethick et al., "Training Deep Learning Models with Norm-Constrained LMOs",
        2025, arXiv:2502.07529.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scion(0.5, "sign", radius=4.0)
        >>> params = jnp.array([[3.0], [-4.0]])
        >>> tx.update(params, tx.init(params), params)[0].tolist()
        [[-1.0], [1.0]]
    """
    spectral = chain(
        orthogonalize(ns_coeffs, ns_steps, eps, dtype=dtype, stacked=stacked),
        scale_by_shape(scale="spectral" if normalized else "out"),
    )
    if norm == "auto":
        matrices, vectors = (
            as_matrices(spectral, view),
            scale_by_norm_ball("rms", eps=eps),
        )
        oracle = split(_has_rows, matrices=matrices, vectors=vectors)
    elif norm == "spectral":
        oracle = as_matrices(spectral, view)
    else:
        ball = scale_by_norm_ball(norm, normalized=normalized, eps=eps)
        oracle = as_matrices(ball, view)
    return chain(
        scale_by_momentum(beta),
        oracle,
        scale(radius),
        add_decayed_weights(1.0 if constrained else weight_decay),
        scale_by_learning_rate(learning_rate),
    )
