"""The transform that does nothing."""

from adamx.core.rule import Identity
from adamx.core.transform import transform


@transform
def identity() -> Identity:
    """Emit the updates as they come.

    u = g

    Returns:
        The transform; it has no state.

    Raises:
        TransformError: (when used) a leaf is no float or complex array.

    Reference:
        The name is Optax's.

    Example:
        >>> import adamx
        >>> adamx.identity().init({})
        {}
    """
    return Identity()
