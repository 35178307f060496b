"""How a sum is written into a parameter of 16 bits."""

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
    """To the nearest number; a base for those that keep something beside it."""

    name: ClassVar[str] = "nearest"
    keeps: ClassVar[str | None] = None
    """The name of what is kept for each parameter."""
    draws: ClassVar[bool] = False

    def begin(self, param: Array, path: str) -> Array | None:
        """Return the array to keep beside a parameter of 16 bits."""
        return None

    def whole(self, param: Array, kept: Any) -> Array:
        """Return the parameter in the compute dtype, with the rest that is kept."""
        return cast(param, compute_dtype(param.dtype))

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        """Return `total` in the dtype of `param`, and what to keep beside it."""
        return cast_saturating(total, param.dtype), kept


class Stochastic(Rounding):
    name: ClassVar[str] = "stochastic"
    draws: ClassVar[bool] = True

    def write(
        self, total: Array, param: Array, kept: Any, key: Array | None
    ) -> tuple[Array, Any]:
        return stochastic_round(total, param.dtype, key), kept


class Kahan(Rounding):
    """Keeps what was rounded away, in 16 bits."""

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
        # Of ∞ nothing is left, rather than NaN.
        rest = jnp.where(jnp.isinf(total), 0, rest)
        return new, cast_saturating(rest, param.dtype)


class Correction(Rounding):
    """Keeps the next 8 bits, with their sign: together a float of 24 bits."""

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
        # Half of the last unit that is kept, once for 24 bits and once for 16.
        most = (bits + 128 >> 8).astype(jnp.int32)
        upper = most + 128 >> 8
        rest = (most - upper * 256).astype(jnp.int8)
        new = jax.lax.bitcast_convert_type(upper.astype(jnp.uint16), param.dtype)
        return new, rest


ROUNDINGS = {kind.name: kind for kind in (Rounding, Stochastic, Kahan, Correction)}
