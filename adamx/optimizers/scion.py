"""Scion: steps to the surface of a ball, of a norm that suits the layer.

μ ← b·μ + (1−b)·g                          scale_by_momentum
O = lmo(μ), a point of a unit ball         orthogonalize, or scale_by_norm_ball
θ ← θ − η · (ρ·O + λ·θ)                    scale, add_decayed_weights
"""

from typing import Annotated, Literal, TypeAlias

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import OneOf
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.linalg.matrix_view import View
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import as_matrices
from adamx.transforms.matrices.norm_ball import scale_by_norm_ball
from adamx.transforms.matrices.orthogonalize import orthogonalize
from adamx.transforms.momentum.momentum import scale_by_momentum
from adamx.transforms.scaling.scale import scale, scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import scale_by_shape
from adamx.types import Array

Norm: TypeAlias = Annotated[
    Literal["auto", "spectral", "sign", "colnorm", "rownorm", "rms"],
    OneOf(("auto", "spectral", "sign", "colnorm", "rownorm", "rms")),
]

ORTHOGONALIZE = orthogonalize()


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
    orthogonalize: TransformLike = ORTHOGONALIZE,
    view: View | None = None,
) -> Transform:
    """Step towards the farthest point of a ball down the averaged gradient.

    μ ← b·μ + (1−b)·g
    u = −η · (ρ·lmo(μ) + λ·θ), with λ = 1 if constrained

    Constrained, θ stays in the ball of radius ρ. Each norm suits one kind of layer; the
    formulas are those of `scale_by_norm_ball`:

        spectral    hidden matrices: √(out/in)·U·Vᵀ
        sign        the last layer
        colnorm     the first layer, with `normalized=False`
        rms         biases
        auto        rms for vectors, and spectral for all other leaves

    Layers of several kinds:

        param_groups({"head/*": scion(η, "sign", 3000.0)}, rest=scion(η, radius=50.0))

    Args:
        learning_rate: η.
        norm: one of these, or "rownorm".
        radius: ρ ≥ 0. In the paper's NanoGPT it is 50 for "spectral" and 3,000 for
            "sign". The authors divide that of convolutions by √k, with kernels of k
            places.
        beta: b in [0, 1), one minus what the authors call momentum.
        eps: ε ≥ 0, added to all norms but the spectral one, as in `scale_by_norm_ball`.
        weight_decay: λ, where not constrained.
        normalized: as in `scale_by_norm_ball`; for "spectral" False is √out·U·Vᵀ.
        constrained: whether the parameters stay in the ball: λ = 1.
        orthogonalize: the transform of the momentum for "spectral", as in `muon`.
        view: as in `as_matrices`.

    Returns:
        The transform; its state is `mu`, like the parameters, at least float32. It
        needs the parameters.

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
    shape = scale_by_shape(scale="spectral" if normalized else "out")
    spectral = as_matrices(chain(orthogonalize, shape), view)
    if norm == "auto":
        vectors = scale_by_norm_ball("rms", eps=eps)
        oracle = split(_has_rows, matrices=spectral, vectors=vectors)
    elif norm == "spectral":
        oracle = spectral
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
