"""Names of a package that are imported when they are first used."""

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple


@contextmanager
def on_first_use(package: dict[str, Any], unknown: str = "") -> Iterator[None]:
    """Defer each `from … import …` in the block until its name is used.

    Type checkers and readers see ordinary imports. At run time the package gets an
    `__all__` of the deferred names, a `__getattr__` that imports a name on first use,
    and a `__dir__`. Imports of other modules, also in other threads, are not deferred.

    Args:
        package: `globals()` of the package.
        unknown: a module whose `advice` is called with the package and an unknown
            name, for the end of the error.
    """
    import_now = builtins.__import__

    def import_later(name: str, globals: Any = None, *args: Any) -> Any:
        if globals is package:
            return _Module(name)
        return import_now(name, globals, *args)

    builtins.__import__ = import_later
    try:
        yield
    finally:
        builtins.__import__ = import_now
    deferred = {k: v for k, v in package.items() if isinstance(v, _Name)}
    for name in deferred:
        del package[name]

    def load(name: str) -> Any:
        if name not in deferred:
            message = f"module {package['__name__']!r} has no attribute {name!r}"
            # Python looks for names such as `__path__` in every module.
            if unknown and not name.startswith("_"):
                message += import_module(unknown).advice(package["__name__"], name)
            # Without the module Python adds no second suggestion to the message.
            raise AttributeError(message, name=name, obj=None)
        module, theirs = deferred[name]
        with import_module("adamx.extras").needed_for(f"{package['__name__']}.{name}"):
            if module == package["__name__"]:
                package[name] = import_module(f"{module}.{theirs}")
            else:
                package[name] = getattr(import_module(module), theirs)
        return package[name]

    package["__all__"] = [*deferred]
    package["__deferred__"] = deferred
    package["__getattr__"] = load
    package["__dir__"] = lambda: sorted({*package, *deferred})


class _Name(NamedTuple):
    """A name that is not imported yet, and the module that has it."""

    module: str
    name: str


class _Module:
    """A module that is not imported yet; each attribute is a `_Name`."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> _Name:
        return _Name(self._module, name)
