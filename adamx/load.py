"""Functions of the user, by the names of their modules."""

import importlib
from typing import Any

from adamx.errors import TransformError, nearest


def load(name: str) -> Any:
    """Import the module in `package.module:function`, and return the function.

    Raises:
        TransformError: there is no such module, or nothing of that name in it.
    """
    module, _, function = name.partition(":")
    if not (module and function):
        raise TransformError(
            f"{name!r} names no function", expected="package.module:function"
        )
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # Another module may be missing, one that this one imports.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise TransformError(f"there is no module {module!r}", got=name) from None
    try:
        return getattr(found, function)
    except AttributeError:
        raise TransformError(
            f"there is no {function!r} in {module}", hint=nearest(function, vars(found))
        ) from None
