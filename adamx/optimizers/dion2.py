"""Dion2: Muon for some rows, or columns, in each step.

M ← M + G                                  in_submatrix
O = U·Vᵀ of the largest rows U·Σ·Vᵀ of M   in_submatrix, orthogonalize
M ← b·M in these rows                      in_submatrix
θ ← θ − η · (√(out/in)·O + λ·θ)            scale_by_shape, add_decayed_weights
"""

from adamx.core.chain import chain
from adamx.core.partition import split
from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import Fraction, Stacking
from adamx.hyperparameters.hyper import Decay, Finite, NonNegative
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import is_hidden_matrix, through
from adamx.linalg.matrix_view import View
from adamx.optimizers.adamw import adamw
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import as_matrices
from adamx.transforms.matrices.orthogonalize import orthogonalize
from adamx.transforms.matrices.submatrix import in_submatrix
from adamx.transforms.scaling.scale import scale_by_learning_rate
from adamx.transforms.scaling.shape_scale import ShapeScale, scale_by_shape

ORTHOGONALIZE = orthogonalize("dion2")


@transform
def dion2(
    learning_rate: Finite = 0.01,
    fraction: Fraction = 0.25,
    ef_decay: Decay = 0.95,
    weight_decay: Finite = 0.01,
    weight_decay_mask: Labels | None = None,
    *,
    consistent_rms: NonNegative | None = None,
    scale: ShapeScale = "spectral",
    orthogonalize: TransformLike = ORTHOGONALIZE,
    matrices: Labels = is_hidden_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Orthogonalize, in each step, only the rows or columns with the largest sums.

    M ← M + g
    u = −η · (s·O + λ·θ), where O = U·Vᵀ of the largest rows M_S = U·Σ·Vᵀ, else 0
    M_S ← b·M_S

    Of n columns, or of rows where there are fewer of them, ⌈α·n⌉ are chosen, by their
    sums of absolute values. The matrix to orthogonalize is smaller by that factor; the
    state is as large as Muon's.

    Args:
        learning_rate: η.
        fraction: α in (0, 1], a Python number.
        ef_decay: b in [0, 1), the error feedback.
        weight_decay: λ, multiplied by the learning rate, and not by s.
        weight_decay_mask: which of the matrices decay; all by default.
        consistent_rms: as in `scale_by_shape`; 0.2 is the authors' "rms_norm".
        scale: s, as in `scale_by_shape`: "spectral" is √(out/in), of the whole matrix.
        orthogonalize: as in `muon`, with the authors' coefficients by default. Their
            dtype is "bfloat16".
        matrices: as in `muon`.
        view: as in `as_matrices`.
        rest: the optimizer of all other leaves, with its own learning rate;
            `adamw(learning_rate, b2=0.95, weight_decay=weight_decay)` if None. The
            authors' other choice is `lion`.
        stacked: as in `in_submatrix`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with
        `trace`, M, of the matrices. It needs the parameters.

    Reference:
        Ahn, Amsel & Langford, "Dion2: A Simple Method to Shrink Matrix in Muon", 2025,
        arXiv:2512.16928.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.dion2(0.1, fraction=0.5, weight_decay=0.0)
        >>> params = {"kernel": jnp.diag(jnp.array([1.0, 2.0]))}
        >>> updates, _ = tx.update(params, tx.init(params), params)
        >>> (updates["kernel"] != 0).tolist()
        [[False, False], [False, True]]
    """
    direction = chain(
        in_submatrix(orthogonalize, fraction, ef_decay, stacked=stacked),
        scale_by_shape(consistent_rms, scale=scale),
    )
    chosen = chain(
        as_matrices(direction, view),
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_learning_rate(learning_rate),
    )
    if rest is None:
        rest = adamw(learning_rate, b2=0.95, weight_decay=weight_decay)
    return split(through(view, matrices), matrices=chosen, rest=rest)
