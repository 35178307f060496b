"""Imports of packages that a race needs besides jax."""

from contextlib import AbstractContextManager

from adamx.extras import needed_for


def extras() -> AbstractContextManager[None]:
    """Say how to install what a race needs, where an import does not find it."""
    return needed_for("a race", "race")
