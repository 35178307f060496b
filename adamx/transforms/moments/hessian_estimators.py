"""Estimate the diagonal of the Hessian, for the extra argument `hessian`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from adamx.hyperparameters.arguments import OneOf, Whole
from adamx.numerics.dtypes import compute_dtype
from adamx.types import Array, ParamsT

PROBES = {"rademacher": jax.random.rademacher, "normal": jax.random.normal}


def hutchinson_estimator_diag_hessian(
    obj_fn: Callable[[ParamsT], Array],
    params: ParamsT,
    key: Array,
    *,
    probe: str = "rademacher",
    samples: int = 1,
) -> ParamsT:
    """Estimate the diagonal of the Hessian by Hutchinson's method, for `sophia`.

    ĥ = z ⊙ ∇²f(θ)·z, whose mean over z is the diagonal

    The off-diagonal numbers of the Hessian cause the variance. If z are signs, nothing
    else does, so a diagonal Hessian is exact. Normal z, as in Sophia's code, add twice
    the square of the diagonal to the variance. An estimate costs about two gradients.

    Args:
        obj_fn: the loss, from parameters to a scalar.
        params: a tree of real arrays.
        key: a random key.
        probe: the distribution of z, "rademacher" (signs) or "normal".
        samples: how many z to average over, an integer ≥ 1.

    Returns:
        A tree like `params`, at least float32.

    Reference:
        Hutchinson, "A Stochastic Estimator of the Trace of the Influence Matrix", 1989;
        Bekas, Kokiopoulou & Saad, "An estimator for the diagonal of a matrix", 2007.
        The name is Optax's, where it is a transform and not a function.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> params, key = jnp.array([1.0, 2.0]), jax.random.key(0)
        >>> cubes = lambda p: jnp.sum(p**3)
        >>> adamx.hutchinson_estimator_diag_hessian(cubes, params, key).tolist()
        [6.0, 12.0]
    """
    name = "hutchinson_estimator_diag_hessian"
    OneOf(tuple(PROBES)).check(name, "probe", probe)
    samples = Whole(1).check(name, "samples", samples)
    leaves, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, params))

    def add(total: list[Array], key: Array) -> tuple[list[Array], None]:
        z = [
            PROBES[probe](jax.random.fold_in(key, i), x.shape, x.dtype)
            for i, x in enumerate(leaves)
        ]
        at, along = treedef.unflatten(leaves), treedef.unflatten(z)
        product = jax.tree.leaves(jax.jvp(jax.grad(obj_fn), (at,), (along,))[1])
        rows = zip(total, z, product, strict=True)
        return [t + x.astype(t.dtype) * y for t, x, y in rows], None

    zero = [jnp.zeros(x.shape, compute_dtype(x.dtype)) for x in leaves]
    total, _ = jax.lax.scan(add, zero, jax.random.split(key, samples))
    return treedef.unflatten([x / samples for x in total])


def gauss_newton_bartlett_diag_hessian(
    logits_fn: Callable[[ParamsT], Array], params: ParamsT, key: Array
) -> ParamsT:
    """Estimate the diagonal of the Gauss–Newton matrix, for `sophia`.

    ŷ ~ softmax(logits);  ĥ = B · (∇ mean cross-entropy(logits, ŷ))²

    B is the number of examples; the code of the paper multiplies by B in the step
    instead. Labels ŷ are drawn from the model, because labels of the data would give
    the empirical Fisher information. The mean over ŷ is the diagonal of the
    Gauss–Newton part of the Hessian of the mean cross-entropy. It is never negative. An
    estimate costs one gradient.

    Args:
        logits_fn: from parameters to logits, the classes along the last axis. All
            other axes are examples: for a language model, sequences and places.
        params: a tree of real arrays.
        key: a random key.

    Returns:
        A tree like `params`, at least float32.

    Reference:
        Liu et al., "Sophia: A Scalable Stochastic Second-order Optimizer for Language
        Model Pre-training", 2023, arXiv:2305.14342, algorithm 2.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> logits = lambda p: p * jnp.ones((5, 2))
        >>> params, key = jnp.zeros(2), jax.random.key(0)
        >>> h = adamx.gauss_newton_bartlett_diag_hessian(logits, params, key)
        >>> h.shape, bool(jnp.all(h >= 0))
        ((2,), True)
    """
    logits, pull_back = jax.vjp(logits_fn, jax.tree.map(jnp.asarray, params))
    wide = logits.astype(compute_dtype(logits.dtype))
    labels = jax.random.categorical(key, wide)
    examples = max(labels.size, 1)
    residual = jax.nn.softmax(wide) - jax.nn.one_hot(labels, wide.shape[-1])
    (grads,) = pull_back((residual / examples).astype(logits.dtype))
    return jax.tree.map(
        lambda g: examples * jnp.square(g.astype(compute_dtype(g.dtype))), grads
    )
