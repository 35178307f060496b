"""What a race needs besides jax, and what to say where it is not there."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extras() -> Iterator[None]:
    """Say how to install what an import inside the block does not find."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a race needs {error.name}, which is not installed: "
            'pip install "adamx[race]"',
            name=error.name,
        ) from error
