"""The optimizers of a race, and their learning rates."""

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from adamx import optimizers as folder
from adamx.core.transform import Transform, TransformLike, as_transform, is_builder
from adamx.errors import TransformError, nearest
from adamx.hyperparameters.hyper import declared
from adamx.types import ScalarOrSchedule

CUSTOMARY = 1e-3
"""The centre of the grid if no rate is documented."""

RATES: dict[str, float] = {
    # torch.optim
    "sgd": 1e-2,
    "momentum": 1e-2,
    "nesterov": 1e-2,
    "adagrad": 1e-2,
    "adamax": 2e-3,
    "adamaxw": 2e-3,
    "adafactor": 1e-2,
    "rprop": 1e-2,
    # their papers, or their authors' code
    "lion": 1e-4,
    "signum": 1e-4,
    "madgrad": 1e-2,
    "yogi": 1e-2,
    "sm3": 1e-1,
    "fromage": 1e-2,
    "lars": 1.0,
    "mars": 3e-3,
    "novograd": 1e-2,
    "lbfgs": 1.0,
    # as sgd's
    "noisy_sgd": 1e-2,
    "optimistic_gradient_descent": 1e-2,
}
"""Documented rates other than 1e-3 that are not in the builder's signature."""

Build: TypeAlias = Callable[[ScalarOrSchedule], TransformLike]


@dataclass(frozen=True)
class Entrant:
    """An optimizer that races.

    Args:
        name: what it is called in tables.
        build: from the learning rate, a traced scalar or a schedule, to the transform,
            adamx's or Optax's.
        rate: the middle of its grid, its documented default.

    Example:
        >>> import adamx
        >>> heavy = Entrant("heavy", lambda rate: adamx.sgd(rate, momentum=0.99), 1e-3)
        >>> heavy.build(0.1)
        sgd(0.1, momentum=0.99)
    """

    name: str
    build: Build
    rate: float = CUSTOMARY

    def transform(self, rate: ScalarOrSchedule) -> Transform:
        """Return the optimizer with this rate.

        Raises:
            TransformError: it cannot race.
        """
        tx = as_transform(self.build(rate))
        if any(rule.batched for rule in tx.plan.rules()):
            raise TransformError(
                f"{self.name} cannot race",
                expected="an optimizer of the gradient of a batch",
                got="one that wants the gradients of each example",
            )
        return tx

    def grid(self, rates: int, decades: float) -> list[float]:
        """Return rates around the default, equally far apart in their logarithm."""
        exponents = (
            np.linspace(-decades / 2, decades / 2, rates) if rates > 1 else [0.0]
        )
        # Three digits are enough, and can be read.
        return [float(f"{self.rate * 10.0**e:.3g}") for e in exponents]


@functools.cache
def optimizers() -> dict[str, Callable[..., Transform]]:
    """Return the optimizers that need no more than a learning rate, by name."""
    return {k: v for k, v in _all().items() if _needs_a_rate_at_most(v)}


@functools.cache
def _all() -> dict[str, Callable[..., Transform]]:
    """Return every builder of an optimizer, without pieces."""
    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    modules = [importlib.import_module(f"{folder.__name__}.{name}") for name in names]
    return {
        name: thing
        for module in modules
        for name, thing in vars(module).items()
        if is_builder(thing)
        and thing.__module__ == module.__name__
        and not name.startswith(("scale_by", "_"))
    }


def _needs_a_rate_at_most(builder: Callable[..., Any]) -> bool:
    parameters = inspect.signature(builder).parameters
    required = {k for k, p in parameters.items() if p.default is p.empty}
    return rate_of(builder) is not None and required <= {"learning_rate"}


def rate_of(builder: Callable[..., Any]) -> str | None:
    """Return the name of the learning rate, or of the bound of an estimated one."""
    names = [n for n in declared(builder)[0].parameters if n.endswith("learning_rate")]
    return names[0] if names else None


VARIANTS: dict[str, str] = {
    "momentum": "sgd(momentum=0.9)",
    "nesterov": "sgd(momentum=0.9, nesterov=True)",
}
"""Optimizers with a name of their own that are another optimizer's option."""


def find_entrants(
    chosen: str | Iterable[Any] | Mapping[str, Any],
) -> list[Entrant]:
    """Return the optimizers of these names, calls, builders or functions of the rate.

    Args:
        chosen: names with commas between, as in "adam, sgd(momentum=0.9)"; or several
            of names, builders of adamx and `Entrant`; or a mapping from names to them
            or to functions of the rate.

    Raises:
        TransformError: there is no such optimizer, with the nearest name; or one name
            stands for two.
    """
    if isinstance(chosen, str):
        chosen = _calls(chosen)
    if isinstance(chosen, Mapping):
        found = [_entrant(thing, name) for name, thing in chosen.items()]
    else:
        found = [_entrant(thing) for thing in chosen]
    names = [entrant.name for entrant in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None or not found:
        raise TransformError(
            "a race needs optimizers, each of one name", got=", ".join(names) or "none"
        )
    return found


def _entrant(thing: Any, name: str | None = None) -> Entrant:
    if isinstance(thing, Entrant):
        return thing if name is None else replace(thing, name=name)
    if isinstance(thing, str):
        return _named(thing, name or thing)
    if callable(thing):
        known = is_builder(thing) and rate_of(thing) is not None
        name = name or getattr(thing, "__name__", None)
        if name is not None and name != "<lambda>":
            rate = _default(thing, thing.__name__) if known else CUSTOMARY
            return Entrant(name, thing, rate)
    raise TransformError(
        "this is not an optimizer that can race",
        expected="a name, a builder of adamx, or {name: function of the rate}",
        got=repr(thing),
    )


def _default(builder: Callable[..., Any], name: str) -> float:
    """Return the documented rate: from the table, the signature, or CUSTOMARY."""
    argument = rate_of(builder)
    assert argument is not None
    default = declared(builder)[0].parameters[argument].default
    return RATES.get(name, default if isinstance(default, float) else CUSTOMARY)


def _named(text: str, name: str) -> Entrant:
    """Return an optimizer from its name, or from a call of it without the rate."""
    try:
        node = ast.parse(VARIANTS.get(text, text).strip(), mode="eval").body
        builder, options = node, {}
        if isinstance(node, ast.Call) and not node.args:
            builder = node.func
            options = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}
        known = ast.unparse(builder)
    except (SyntaxError, ValueError):
        known, options = text, {}
    if known not in optimizers():
        refused = _all().get(known)
        if refused is not None:
            raise TransformError(
                f"{known} cannot race by its name",
                expected="an optimizer that needs no more than a learning rate",
                got=f"{known}{inspect.signature(refused)}",
                hint="give it as a function of the rate: {name: lambda rate: ...}",
            )
        names = [*optimizers(), *VARIANTS]
        raise TransformError(
            f"there is no optimizer {known!r}",
            expected=", ".join(sorted(names)),
            hint=nearest(known, names),
        )
    builder = optimizers()[known]
    rate = rate_of(builder)
    assert rate is not None

    def build(learning_rate: ScalarOrSchedule) -> Transform:
        return builder(**{rate: learning_rate}, **options)

    return Entrant(name, build, _default(builder, text if text in RATES else known))


def _calls(text: str) -> list[str]:
    """Split a text at the commas outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
