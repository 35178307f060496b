"""Imports of packages that adamx does not require."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed_for(feature: str, extra: str) -> Iterator[None]:
    """Say how to install a package that an import inside the block does not find.

    Args:
        feature: what needs the package, as the error names it.
        extra: the extra of `pyproject.toml` that has the package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{feature} needs {error.name}, which is not installed; "
            f'in a checkout of adamx: pip install ".[{extra}]"',
            name=error.name,
        ) from error
