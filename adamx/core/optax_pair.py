"""The class of Optax's pair, for `isinstance` checks, without importing Optax."""

import functools
import sys


def with_optax_pair(own: type) -> type:
    """Return a subclass of `own` and Optax's pair; `own` if Optax is not loaded.

    Optax's wrappers pass extra arguments only to instances of its pair.
    """
    pair = getattr(sys.modules.get("optax"), "GradientTransformationExtraArgs", None)
    return _joined(own, pair) if isinstance(pair, type) else own


@functools.cache
def _joined(own: type, pair: type) -> type:
    # A subclass of both, because `functools.singledispatch` dispatches on this class
    # and must find the function registered for `own`.
    names = {n: getattr(own, n) for n in ("__module__", "__qualname__", "__doc__")}
    return type(own.__name__, (own, pair), names)
