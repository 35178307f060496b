"""Inner products of many arrays that neither overflow nor underflow on the way."""

from typing import TypeAlias

import jax
import jax.numpy as jnp

from adamx.numerics.arithmetic import largest_invertible
from adamx.numerics.norms import largest_of, stacked

Product: TypeAlias = tuple[jax.Array, jax.Array, jax.Array]
"""An inner product as its three factors."""


@jax.jit
def product_of(x: jax.Array, y: jax.Array) -> Product:
    """Return the real inner product of two arrays, as (x', y', product / (x'·y')).

    Re⟨x, y⟩ = x' · y' · Σ Re (x/x')·(y/y')*, with x' = max |x|, y' = max |y|

    The first two factors cannot overflow, and the third is at most n in size; as with
    `scaled_norm` their product may.

    Args:
        x: a float or complex array of any shape, of at least float32.
        y: another of the same shape.

    Returns:
        Three real scalars; 0 and 0 where all is zero.

    Example:
        >>> import jax.numpy as jnp
        >>> found = product_of(jnp.array([1e30, 2e30]), jnp.array([0.0, 4e30]))
        >>> [float(f"{x:.1e}") for x in found]
        [2e+30, 4e+30, 1.0]
    """
    a, b = (jax.lax.stop_gradient(largest_of(z)) for z in (x, y))
    dtype = x.real.dtype
    x = x / jnp.where(a == 0, 1, a).astype(dtype)
    y = y / jnp.where(b == 0, 1, b).astype(dtype)
    return a, b, jnp.sum((x * y.conj()).real)


def joined_product(a: jax.Array, b: jax.Array, rest: jax.Array) -> Product:
    """Return the sum of inner products, along their first axis, as its three factors.

    Args:
        a: the first factors of some products.
        b: the second ones.
        rest: the third ones.

    Returns:
        Three real arrays, of one axis less; see `product_of`.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: jnp.array(x)
        >>> found = joined_product(of(1e30, 2e30), of(1e30, 2e30), of(1.0, -0.25))
        >>> float(found[2])
        0.0
    """
    left, right = (jnp.max(x, 0, keepdims=True) for x in (a, b))
    shares = a / jnp.where(left == 0, 1, left), b / jnp.where(right == 0, 1, right)
    return left[0], right[0], jnp.sum(rest * shares[0] * shares[1], 0)


def bounded_product(product: Product) -> jax.Array:
    """Return the product of the factors of an inner product, clipped.

    Args:
        product: as `product_of` gives it.

    Returns:
        A real array, an eighth of its largest number in size at the most.

    Example:
        >>> import jax.numpy as jnp
        >>> bool(bounded_product(product_of(*[jnp.array(1e30)] * 2)) < jnp.inf)
        True
    """
    left, right, rest = product
    bound = largest_invertible(rest.dtype)
    return jnp.clip(left * rest * right, -bound, bound)


def inner_product(a: list[jax.Array], b: list[jax.Array]) -> jax.Array:
    """Return Re⟨a, b⟩ of two lists of arrays, clipped so that it can be added to.

    Args:
        a: float or complex arrays of any shapes, of at least float32.
        b: as many arrays, of the same shapes.

    Returns:
        A real scalar in the widest dtype of the leaves, an eighth of its largest number
        in size at the most.

    Example:
        >>> import jax.numpy as jnp
        >>> of = lambda *x: [jnp.array(x)]
        >>> float(inner_product(of(1e30, 1e30, 2.0), of(1e30, -1e30, 3e-30)))
        0.0
        >>> bool(inner_product(of(1e30), of(1e30)) < jnp.inf)
        True
    """
    if not a:
        return jnp.zeros(())
    pairs = zip(a, b, strict=True)
    parts = stacked([product_of(x, y) for x, y in pairs])
    return bounded_product(joined_product(*parts))
