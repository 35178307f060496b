"""Numbers of 64 bits for the length of a block."""

from contextlib import AbstractContextManager

import jax


def enable_x64(on: bool = True) -> AbstractContextManager[None]:
    """Enable float64 inside a `with` block, or disable it."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(on)
    # jax 0.7 has it under another name.
    from jax.experimental import enable_x64  # pyright: ignore

    return enable_x64(on)
