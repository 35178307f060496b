"""GaLore: Adam on a few singular directions of each gradient.

G = U·Σ·Vᵀ, each k-th step, and P the first r columns of U
R = Pᵀ·G                                   in_subspace
N = M̂ / (√V̂ + ε), with M and V of R        scale_by_adam
θ ← θ − η · (s·P·N + λ·θ)                  in_subspace, add_decayed_weights
"""

from adamx.core.transform import Transform, TransformLike, transform
from adamx.hyperparameters.arguments import PositiveInteger, Stacking
from adamx.hyperparameters.hyper import Finite
from adamx.hyperparameters.labels import Labels
from adamx.linalg.kinds import every_matrix
from adamx.linalg.matrix_view import View
from adamx.optimizers.adam import scale_by_adam
from adamx.transforms.decay.decay import add_decayed_weights
from adamx.transforms.matrices.as_matrices import split_matrices
from adamx.transforms.matrices.subspace import Projection, in_subspace
from adamx.transforms.scaling.scale import scale_by_learning_rate


@transform
def scale_by_galore(
    rank: PositiveInteger = 128,
    update_proj_gap: PositiveInteger = 200,
    scale: Finite = 1.0,
    base_optimizer: TransformLike | None = None,
    *,
    proj_type: Projection = "std",
    stacked: Stacking | None = "loop",
) -> Transform:
    """Scale matrices as GaLore does, without sign, decay and learning rate.

    u = s·P·N, where N is Adam's direction for Pᵀ·g

    Matrices are the last two axes of a leaf; leaves with fewer axes get Adam's
    direction. `galore` has the reference.

    See `in_subspace` for the other arguments.

    Args:
        base_optimizer: the transform of Pᵀ·g; `scale_by_adam()` if None.

    Returns:
        The transform; its state is that of `in_subspace`, with `mu` and `nu` in it.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> tx = adamx.scale_by_galore(rank=1)
        >>> g = jnp.diag(jnp.array([3.0, 4.0]))
        >>> jnp.round(tx.update(g, tx.init(g))[0], 4).tolist()
        [[0.0, 0.0], [0.0, 1.0]]
    """
    inner = scale_by_adam() if base_optimizer is None else base_optimizer
    directions = rank, update_proj_gap, scale
    return in_subspace(inner, *directions, proj_type=proj_type, stacked=stacked)


@transform
def galore(
    learning_rate: Finite,
    rank: PositiveInteger = 128,
    update_proj_gap: PositiveInteger = 200,
    scale: Finite = 1.0,
    base_optimizer: TransformLike | None = None,
    weight_decay: Finite = 0.0,
    mask: Labels | None = None,
    *,
    proj_type: Projection = "std",
    matrices: Labels = every_matrix,
    view: View | None = None,
    rest: TransformLike | None = None,
    stacked: Stacking | None = "loop",
) -> Transform:
    """Use Adam on a few singular directions of each gradient; plain Adam for vectors.

    u = −η · (s·P·N + λ·θ), where N is Adam's direction for Pᵀ·g
    each k-th step:  P ← the first r left singular vectors of g

    The state of an m×n matrix, m ≤ n, has m·r + 2·r·n numbers; Adam's has 2·m·n. In a
    tall matrix the right side is projected. A side not longer than r stays whole.

    Args:
        learning_rate: η.
        rank: r ≥ 1, an integer.
        update_proj_gap: k ≥ 1, an integer: how often P is recomputed.
        scale: s; 0.25 is usual with η = 0.01.
        base_optimizer: the transform of Pᵀ·g, and of all other leaves;
            `scale_by_adam()` if None. The authors' is
            `scale_by_adam(eps=1e-6, eps_hat=True)`.
        weight_decay: λ, decoupled, as in AdamW, of whole matrices.
        mask: which parameters decay; all by default.
        proj_type: which side is projected, as in `in_subspace`.
        matrices: the leaves that are projected, as for `masked`; by default those with
            two sides longer than 1. The authors project those of attention and of the
            layers between.
        view: as in `as_matrices`; `matrix_view` by default, `out_in_view` for kernels
            of Equinox and PyTorch.
        rest: the optimizer of all other leaves, with its own learning rate and decay;
            the same without P and s if None.
        stacked: as in `in_subspace`.

    Returns:
        The transform; its state is `{"split": {"matrices": …, "rest": …}}`, with a
        `projector` for each matrix, and `mu` and `nu` in the shape of Pᵀ·g: at least
        float32. It needs the parameters.

    Raises:
        TransformError: `base_optimizer` needs more than single gradients.

    Reference:
        Zhao et al., "GaLore: Memory-Efficient LLM Training by Gradient Low-Rank
        Projection", 2024, arXiv:2403.03507.

    Example:
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params = {"kernel": jnp.ones((64, 256)), "bias": jnp.ones(256)}
        >>> state = adamx.galore(0.01, rank=4, scale=0.25).init(params)
        >>> adamx.find(state, "projector")["left"]["kernel"].shape
        (64, 4)
        >>> adamx.find(state["split"]["matrices"], "mu")["kernel"].shape
        (4, 256)
    """
    inner = scale_by_adam() if base_optimizer is None else base_optimizer
    directions = scale_by_galore(
        rank, update_proj_gap, scale, inner, proj_type=proj_type, stacked=stacked
    )
    after = (
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
    return split_matrices(directions, inner, after, matrices, view, rest)
