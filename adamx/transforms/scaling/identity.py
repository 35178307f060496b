"""The transform that does nothing."""

from adamx.core.rule import Identity
from adamx.core.transform import transform


@transform
def identity() -> Identity:
    """Emit the updates as they come.

    u = g

    Example:
        >>> import adamx
        >>> adamx.identity().init({})
        {}
    """
    return Identity()
