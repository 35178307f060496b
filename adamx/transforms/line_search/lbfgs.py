"""Limited-memory BFGS: an inverse Hessian estimated from the last steps.

sᵢ = θᵢ₊₁ − θᵢ,  yᵢ = gᵢ₊₁ − gᵢ        the last m of them, as columns of S and Y
R = the upper triangle of SᵀY,  D = its diagonal
w = R⁻¹·Sᵀg
H·g = γ·(g − Y·w) + S·R⁻ᵀ·(D·w + γ·Yᵀ(Y·w − g))
"""

from typing import Any

import jax.numpy as jnp

from adamx.core.rule import OverLeaves, Rule
from adamx.core.transform import transform
from adamx.hyperparameters.arguments import PositiveInteger
from adamx.numerics.arithmetic import safe_sqrt
from adamx.numerics.dtypes import scalar_dtype
from adamx.numerics.norms import largest_of
from adamx.types import Array, Param, Shared, Slots, StepResult

SCALED_COSINE = 1e-3
"""The smallest cosine of the angle between s and y if γ is that of the last pair.

‖H‖ is then up to ‖s‖/‖y‖ divided by the cosine. For convex losses cosines are at least
2/√κ, with κ the condition number of the Hessian, so that no pair is left out up to
κ = 4·10⁶.
"""

COSINE = 0.1
"""The smallest cosine if γ is 1; it is larger, because ‖H‖ then grows by 1/cos²."""


class Lbfgs(Rule):
    """Keep pairs (s/b, y/a), where b and a are the largest numbers of s and y.

    H is the same for s/b and y/a if D and γ are multiplied by b/a, the `steepness` of a
    pair. So no factor of a product is larger than 1, and none overflows.
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
            # m×m matrices, stored as vectors
            **{name: jnp.zeros(m * m, dtype) for name in ("s_y", "y_y")},
            "steepness": jnp.zeros(m, dtype),
        }

    def measure(
        self, g: Array, slots: Slots, shared: Shared, param: Param
    ) -> dict[str, Any]:
        assert param is not None
        s, y = param - slots["params"], g - slots["updates"]
        old_s, old_y = slots["diff_params_memory"], slots["diff_updates_memory"]
        news = {"s": s, "y": y, "g": g}
        units = {name: largest_of(x) for name, x in news.items()}
        s, y, g = (x / jnp.where(units[n] > 0, units[n], 1) for n, x in news.items())
        dots = {
            "s s": _dots(s, s),
            "s y": _dots(s, y),
            "y y": _dots(y, y),
            "s g": _dots(s, g),
            "y g": _dots(y, g),
            "S y": _dots(old_s, y),
            "Y y": _dots(old_y, y),
            "S g": _dots(old_s, g),
            "Y g": _dots(old_y, g),
            "g g": _dots(g, g),
        }
        return {"units": units, "dots": dots}

    def advance(self, shared: Shared, *_: object, over_leaves: OverLeaves) -> Shared:
        measured = over_leaves(self.measure, shared)
        units, dots = _joined(measured["units"], measured["dots"])
        s_unit, y_unit, g_unit = (units[name] for name in "syg")
        s_y, y_y, s_s = dots["s y"], dots["y y"], dots["s s"]
        steepness = s_unit / y_unit
        # A pair of negative curvature would make −H·g point uphill, and a nearly
        # orthogonal pair would make a step many times longer than the last ones.
        least = SCALED_COSINE if self.scale_init_precond else COSINE
        curved = s_y > least * jnp.sqrt(s_s * y_y)
        usable = (steepness > 0) & (steepness < jnp.inf)
        new = shared["started"] & curved & usable

        m = self.memory_size
        past_sy, past_yy = (shared[n].reshape(m, m) for n in ("s_y", "y_y"))
        r = _appended(past_sy, dots["S y"], s_y, new)
        yy = _appended(past_yy, dots["Y y"], y_y, new)
        steep = _shifted(shared["steepness"], steepness, new)
        s_g = _shifted(dots["S g"], dots["s g"], new)
        y_g = _shifted(dots["Y g"], dots["y g"], new)

        there = jnp.diagonal(r) > 0
        d = jnp.where(there, jnp.diagonal(r), 1)
        upper = jnp.triu(r, 1) + jnp.diag(d)
        gamma = jnp.ones_like(s_y)
        if self.scale_init_precond:
            rest = safe_sqrt(dots["g g"])
            short = jnp.minimum(1, 1 / g_unit / jnp.where(rest > 0, rest, 1))
            gamma = steep[-1] * d[-1] / jnp.where(there[-1], yy[-1, -1], 1)
            gamma = jnp.where(there[-1], gamma, short.astype(gamma.dtype))
        # Imported here because it loads jax.scipy.special, which takes 0.1 s.
        from jax.scipy.linalg import solve_triangular

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

    def step(self, g: Array, slots: Slots, shared: Shared, param: Param) -> StepResult:
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


def _dots(past: Array, x: Array) -> Array:
    """Return Re⟨p, x⟩ for each p in `past`, or for `past` itself if it is one array."""
    front = past.ndim - x.ndim
    x = jnp.expand_dims(x, tuple(range(front)))
    return jnp.sum((past.conj() * x).real, tuple(range(front, past.ndim)))


def _joined(
    units: dict[str, Array], dots: dict[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return units common to all leaves, 1 if all are zero, and products in them."""
    largest = {name: jnp.max(each) for name, each in units.items()}
    joined = {name: jnp.where(unit > 0, unit, 1) for name, unit in largest.items()}
    share = {name: each / joined[name] for name, each in units.items()}

    def total(name: str) -> Array:
        # S and Y, from the state, already have a unit common to all leaves.
        weights = [share[part] for part in name.split() if part in share]
        parts = dots[name]
        for weight in weights:
            parts = parts * weight.reshape(-1, *[1] * (parts.ndim - 1))
        return jnp.sum(parts, 0)

    return joined, {name: total(name) for name in dots}


def _shifted(past: Array, newest: Array, new: Array) -> Array:
    """Return `past` without its oldest entry and with `newest` last, if `new`."""
    return jnp.where(new, jnp.concatenate([past[1:], newest[None]]), past)


def _appended(gram: Array, column: Array, corner: Array, new: Array) -> Array:
    """Return the matrix of products with those of the newest pair last, if `new`."""
    last = jnp.append(column[1:], corner)
    grown = jnp.zeros_like(gram).at[:-1, :-1].set(gram[1:, 1:])
    return jnp.where(new, grown.at[:, -1].set(last).at[-1, :].set(last), gram)


def _combined(weights: Array, past: Array) -> Array:
    return jnp.tensordot(weights.astype(past.real.dtype), past, 1)


@transform
def scale_by_lbfgs(
    memory_size: PositiveInteger = 10, scale_init_precond: bool = True
) -> Lbfgs:
    """Multiply by an inverse Hessian that is estimated from the last m steps.

    s = θₜ − θₜ₋₁,  y = gₜ − gₜ₋₁;  u = H·g, where H is the BFGS update of γ·I by the
    last m pairs (s, y) with ⟨s, y⟩ > c·‖s‖·‖y‖

    This is the direction of `lbfgs`. γ = ⟨s, y⟩ / ⟨y, y⟩ of the last pair, and
    min(1, 1/‖g‖) before the first one. H is positive definite, so −u points downhill.
    Use gradients of all data, because the noise of batches in y would make H random.

    H·g is computed from small matrices of inner products, in one pass over the memory,
    instead of Nocedal's two loops over vectors. Pairs of negative curvature, or of one
    that is tiny compared with their lengths, are left out: c = 0.001, or 0.1 if γ is 1.
    Optax uses all pairs, so that −u may point uphill.

    Args:
        memory_size: m ≥ 1, an integer; 5 to 20 are usual.
        scale_init_precond: whether γ is as above; otherwise it is 1.

    Returns:
        A transform that keeps `params` and `updates` of the last step,
        `diff_params_memory` and `diff_updates_memory`, m arrays for each leaf, and
        small matrices.

    Reference:
        Byrd, Nocedal & Schnabel, "Representations of quasi-Newton matrices and
        their use in limited memory methods", 1994, theorem 2.2.

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
    return Lbfgs(memory_size, scale_init_precond)
