"""Imports of packages that adamx does not require."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needed_for(feature: str, extra: str | None = None) -> Iterator[None]:
    """Say how to install a package that an import inside the block does not find.

    Args:
        feature: what needs the package, as the error names it.
        extra: the extra of `pyproject.toml` that has the package; None for a package
            that users install by its own name.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise  # a block inside has said it
        package = (error.name or "").partition(".")[0]
        how = f"pip install {package}"
        if extra is not None:
            how = f'in a checkout of adamx: pip install ".[{extra}]"'
        raise ModuleNotFoundError(
            f"{feature} needs {package}, which is not installed; {how}",
            name=error.name,
        ) from error
