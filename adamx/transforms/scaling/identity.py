"""The transform that does nothing."""

from adamx.core.rule import Identity
from adamx.core.transform import transform


@transform
def identity() -> Identity:
    """Emit the updates unchanged.

    u = g

    Example:
        >>> import adamx
        >>> adamx.identity().init({})
        {}
    """
    return Identity()
