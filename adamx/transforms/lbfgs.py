"""Limited-memory BFGS: an inverse Hessian made of the last steps.

sᵢ = θᵢ₊₁ − θᵢ,  yᵢ = gᵢ₊₁ − gᵢ        the last m of them, as columns of S and Y
R = the upper triangle of SᵀY,  D = its diagonal
w = R⁻¹·Sᵀg
H·g = γ·(g − Y·w) + S·R⁻ᵀ·(D·w + γ·Yᵀ(Y·w − g))
"""

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from adamx.core.hyper import positive_integer
from adamx.core.numerics import scalar_dtype
from adamx.core.rule import Leaf, Rule
from adamx.core.transform import transform
from adamx.core.types import Array, Shared, Slots
from adamx.tree.norms import largest_of, scaled_norm


class Lbfgs(Rule):
    """Pairs (s, y) are kept in units of their largest numbers, b and a.

    H is the same for s/b and y/a, with D and γ times b/a: the `steepness` of a pair.
    What is multiplied with one another then is no larger than 1.
    """

    locality = "tree"
    needs_params = True

    memory_size: int
    scale_init_precond: bool

    def slots(self, param: Array) -> Slots:
        past = jnp.zeros((self.memory_size, *param.shape), param.dtype)
        zero = jnp.zeros_like(param)
        pairs = {"diff_params_memory": past, "diff_updates_memory": past}
        return {"params": zero, "updates": zero, **pairs}

    def shared(self) -> Shared:
        m, dtype = self.memory_size, scalar_dtype()
        return {
            "started": jnp.array(False),
            # Vectors, as all that is shared; in use they are matrices.
            **{name: jnp.zeros(m * m, dtype) for name in ("s_y", "y_y")},
            "steepness": jnp.zeros(m, dtype),
        }

    def gather(self, shared: Shared, leaves: list[Leaf]) -> Shared:
        g = [leaf.g for leaf in leaves]
        params = [leaf.param for leaf in leaves if leaf.param is not None]
        old_s = [leaf.slots["diff_params_memory"] for leaf in leaves]
        old_y = [leaf.slots["diff_updates_memory"] for leaf in leaves]
        s = [p - leaf.slots["params"] for p, leaf in zip(params, leaves, strict=True)]
        y = [leaf.g - leaf.slots["updates"] for leaf in leaves]
        s_unit, y_unit, g_unit = _unit(s), _unit(y), _unit(g)
        s, y, unit_g = _over(s, s_unit), _over(y, y_unit), _over(g, g_unit)

        s_y, y_y, s_s = _dot(s, y), _dot(y, y), _dot(s, s)
        steepness = s_unit / y_unit
        # As good as orthogonal pairs, and those of negative curvature, say nothing.
        curved = s_y > float(jnp.finfo(s_y.dtype).eps) * jnp.sqrt(s_s * y_y)
        usable = (steepness > 0) & (steepness < jnp.inf)
        new = shared["started"] & curved & usable

        m, zero = self.memory_size, jnp.zeros(self.memory_size, scalar_dtype())
        past_sy, past_yy = (shared[n].reshape(m, m) for n in ("s_y", "y_y"))
        r = _appended(past_sy, _dots(old_s, y, zero), s_y, new)
        yy = _appended(past_yy, _dots(old_y, y, zero), y_y, new)
        steep = _shifted(shared["steepness"], steepness, new)
        s_g = _shifted(_dots(old_s, unit_g, zero), _dot(s, unit_g), new)
        y_g = _shifted(_dots(old_y, unit_g, zero), _dot(y, unit_g), new)

        there = jnp.diagonal(r) > 0
        d = jnp.where(there, jnp.diagonal(r), 1)
        upper = jnp.triu(r, 1) + jnp.diag(d)
        gamma = jnp.ones_like(s_y)
        if self.scale_init_precond:
            largest, rest = scaled_norm(g)
            short = jnp.minimum(1, 1 / jnp.where(largest > 0, largest, 1) / rest)
            gamma = steep[-1] * d[-1] / jnp.where(there[-1], yy[-1, -1], 1)
            gamma = jnp.where(there[-1], gamma, short.astype(gamma.dtype))
        w = solve_triangular(upper, s_g)
        right = steep * d * w + gamma * (yy @ w - y_g)
        along_s = solve_triangular(upper, jnp.where(there, right, 0), trans="T")
        return {
            "started": jnp.array(True),
            "s_y": r.ravel(),
            "y_y": yy.ravel(),
            "steepness": steep,
            "new": new,
            "s_unit": s_unit,
            "y_unit": y_unit,
            "g_unit": g_unit,
            "gamma": gamma,
            "along_s": along_s,
            "along_y": -gamma * w,
        }

    def step(
        self, g: Array, slots: Slots, shared: Shared, param: Array | None
    ) -> tuple[Array, Slots]:
        assert param is not None
        s = (param - slots["params"]) / shared["s_unit"]
        y = (g - slots["updates"]) / shared["y_unit"]
        past_s = _shifted(slots["diff_params_memory"], s, shared["new"])
        past_y = _shifted(slots["diff_updates_memory"], y, shared["new"])
        beside = _combined(shared["along_s"], past_s)
        beside = beside + _combined(shared["along_y"], past_y)
        u = shared["gamma"] * g + beside * shared["g_unit"]
        pairs = {"diff_params_memory": past_s, "diff_updates_memory": past_y}
        return u, {"params": param, "updates": g, **pairs}


def _unit(leaves: list[Array]) -> Array:
    """The largest number; 1 if there is none but zeros."""
    sizes = [largest_of(x).astype(scalar_dtype()) for x in leaves if x.size]
    largest = jnp.max(jnp.stack(sizes)) if sizes else jnp.ones((), scalar_dtype())
    return jnp.where(largest > 0, largest, 1)


def _over(leaves: list[Array], unit: Array) -> list[Array]:
    return [x / unit.astype(x.real.dtype) for x in leaves]


def _dot(a: list[Array], b: list[Array]) -> Array:
    """Re⟨a, b⟩ over all leaves."""
    parts = [jnp.sum((x.conj() * y).real) for x, y in zip(a, b, strict=True)]
    return sum((p.astype(scalar_dtype()) for p in parts), jnp.zeros((), scalar_dtype()))


def _dots(past: list[Array], x: list[Array], start: Array) -> Array:
    """Re⟨pᵢ, x⟩ over all leaves, for each pᵢ in `past`, on top of `start`."""
    parts = [
        jnp.sum((p.conj() * y).real, tuple(range(1, p.ndim)))
        for p, y in zip(past, x, strict=True)
    ]
    return sum((p.astype(start.dtype) for p in parts), start)


def _shifted(past: Array, newest: Array, new: Array) -> Array:
    """`past` without its first, the oldest, and with `newest` last, if it is `new`."""
    return jnp.where(new, jnp.concatenate([past[1:], newest[None]]), past)


def _appended(gram: Array, column: Array, corner: Array, new: Array) -> Array:
    """A matrix of products, with those of a new last pair, if it is `new`."""
    last = jnp.append(column[1:], corner)
    grown = jnp.zeros_like(gram).at[:-1, :-1].set(gram[1:, 1:])
    return jnp.where(new, grown.at[:, -1].set(last).at[-1, :].set(last), gram)


def _combined(weights: Array, past: Array) -> Array:
    return jnp.tensordot(weights.astype(past.real.dtype), past, 1)


@transform
def scale_by_lbfgs(memory_size: int = 10, scale_init_precond: bool = True) -> Lbfgs:
    """Multiply by an estimate of the inverse Hessian, made of the last m steps.

    s = θₜ − θₜ₋₁,  y = gₜ − gₜ₋₁;  u = H·g, where H is the BFGS update of γ·I by the
    last m pairs (s, y) with ⟨s, y⟩ > 0

    γ = ⟨s, y⟩ / ⟨y, y⟩ of the last pair, and min(1, 1/‖g‖) before there is one. H is
    symmetric and positive, so −u goes down. It is of use where gradients are of all
    data: with noise in y it is one of noise.

    Instead of Nocedal's two loops over vectors, H·g comes from small matrices of inner
    products, in one pass over the memory. Pairs of no or of negative curvature are left
    out; Optax uses the negative ones, and H may point up. Numbers may have any size.

    Args:
        memory_size: m ≥ 1, an integer; 5 to 20 are usual.
        scale_init_precond: whether γ is what is said above; otherwise 1.

    Returns:
        The transform; its state is `params` and `updates`, those of the step before,
        `diff_params_memory` and `diff_updates_memory`, m of each leaf, all at least
        float32, and small matrices. It needs the parameters.

    Raises:
        TransformError: m is not a positive integer.

    Reference:
        Liu & Nocedal, "On the limited memory BFGS method for large scale optimization",
        1989; Byrd, Nocedal & Schnabel, "Representations of quasi-Newton matrices and
        their use in limited memory methods", 1994, theorem 2.2. The name is Optax's.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> import adamx
        >>> loss = lambda p: p[0] ** 2 + 10 * p[1] ** 2
        >>> tx = adamx.chain(adamx.scale_by_lbfgs(), adamx.scale(-1.0))
        >>> params = jnp.array([1.0, 1.0])
        >>> state = tx.init(params)
        >>> for _ in range(15):
        ...     updates, state = tx.update(jax.grad(loss)(params), state, params)
        ...     params = adamx.apply_updates(params, updates)
        >>> bool(loss(params) < 1e-6)
        True
    """
    positive_integer("scale_by_lbfgs", "memory_size", memory_size)
    return Lbfgs(memory_size, scale_init_precond)
