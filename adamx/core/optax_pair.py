"""The class of Optax's pair, for checks by `isinstance`, without importing Optax."""

import functools
import sys


def with_optax_pair(own: type) -> type:
    """Return a subclass of `own` and of Optax's pair; `own` where Optax is not loaded.

    Optax's wrappers drop extra arguments of what is no instance of that pair.
    """
    pair = getattr(sys.modules.get("optax"), "GradientTransformationExtraArgs", None)
    return _joined(own, pair) if isinstance(pair, type) else own


@functools.cache
def _joined(own: type, pair: type) -> type:
    # A subclass of both, because `functools.singledispatch` looks at this class alone
    # and must find what is registered for `own`.
    names = {n: getattr(own, n) for n in ("__module__", "__qualname__", "__doc__")}
    return type(own.__name__, (own, pair), names)
