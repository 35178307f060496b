"""What is Optax's own: loaded when it is used, never when adamx is."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.extras import needed_for
from adamx.optax.layout import Layout, layout_of


def own(name: str, module: str = "optax") -> Any:
    """Return Optax's own thing of this name.

    Raises:
        ModuleNotFoundError: Optax is not installed.
    """
    with needed_for(f"adamx.{module}.{name}"):
        return getattr(import_module(module), name)


def lend(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a module whose names are all Optax's."""

    def load(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'adamx.{module}' has no attribute {name!r}")
        return own(name, module)

    def names() -> list[str]:
        with needed_for(f"adamx.{module}"):
            return dir(import_module(module))

    return load, names


def beyond(name: str, *args: Any, **kwargs: Any) -> tuple[Transform, Layout]:
    """Call Optax's own function, for arguments that adamx does not have."""
    return with_its_layout(own(name)(*args, **kwargs))


def with_its_layout(pair: TransformLike) -> tuple[Transform, Layout]:
    """Return a pair of Optax as a transform, and the layout of its states."""
    made = as_transform(pair)
    return made, layout_of(made)
