"""The rounding of a sum to a parameter of 16 bits."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from adamx.errors import TransformError
from adamx.numerics.dtypes import cast, cast_saturating, compute_dtype
from adamx.storage.rounding import stochastic_round
from adamx.tree.paths import describe
from adamx.tree.pytree_dataclass import PytreeDataclass
from adamx.types import Array


class Rounding(PytreeDataclass):
    """Round to the nearest; the base of roundings that keep a rest."""

    name: ClassVar[str] = "nearest"
    keeps: ClassVar[str | None] = None
    """The name of the array that is kept for each parameter."""
    draws: ClassVar[bool] = False

    def begin(self, param: Array, path: str) -> Array | None:
        """Return the array to keep beside a parameter of 16 bits."""
        return None

    def whole(self, param: Array, kept: Any) -> Array:
        """Return the parameter plus the rest that is kept, in the compute dtype."""
        return cast(param, compute_dtype(param.dtype))

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        """Return `total` in the dtype of `param`, and the rest to keep."""
        return cast_saturating(total, param.dtype), kept


class Stochastic(Rounding):
    name: ClassVar[str] = "stochastic"
    draws: ClassVar[bool] = True

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        return stochastic_round(total, param.dtype, key), kept


class Kahan(Rounding):
    """Keep the rounding error in 16 bits."""

    name: ClassVar[str] = "kahan"
    keeps: ClassVar[str | None] = "compensation"

    def begin(self, param: Array, path: str) -> Array:
        return jnp.zeros_like(param)

    def whole(self, param: Array, kept: Any) -> Array:
        wide = super().whole(param, kept)
        return wide if kept is None else wide + kept.astype(wide.dtype)

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        new = cast_saturating(total, param.dtype)
        rest = total - new.astype(total.dtype)
        # ∞ − ∞ is NaN, so ∞ leaves no rest.
        rest = jnp.where(jnp.isinf(total), 0, rest)
        return new, cast_saturating(rest, param.dtype)


class Correction(Rounding):
    """Keep the next 8 bits with their sign, so that 24 bits of the float remain."""

    name: ClassVar[str] = "correction"
    keeps: ClassVar[str | None] = "correction"

    def begin(self, param: Array, path: str) -> Array:
        if param.dtype != jnp.bfloat16:
            raise TransformError(
                "only a bfloat16 has the next 8 bits of a float32 beside it",
                where=path,
                piece="make_step",
                expected="bfloat16 or at least float32",
                got=describe(param),
                hint="rounding='kahan' or 'stochastic'",
            )
        return jnp.zeros_like(param, jnp.int8)

    def whole(self, param: Array, kept: Any) -> Array:
        if kept is None:
            return super().whole(param, kept)
        upper = jax.lax.bitcast_convert_type(param, jnp.uint16).astype(jnp.int32)
        bits = (upper * 256 + kept.astype(jnp.int32)).astype(jnp.uint32) << 8
        return jax.lax.bitcast_convert_type(bits, jnp.float32)

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        top = float(jnp.finfo(param.dtype).max)
        total = jnp.where(jnp.isinf(total), total, jnp.clip(total, -top, top))
        bits = jax.lax.bitcast_convert_type(total, jnp.uint32)
        # Add half of the last bit before each cut: to 24 bits, then to 16.
        most = (bits + 128 >> 8).astype(jnp.int32)
        upper = most + 128 >> 8
        rest = (most - upper * 256).astype(jnp.int8)
        new = jax.lax.bitcast_convert_type(upper.astype(jnp.uint16), param.dtype)
        return new, rest


ROUNDINGS = {kind.name: kind for kind in (Rounding, Stochastic, Kahan, Correction)}
