"""States in the shapes that Optax's users read: tuples, and fields by name."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, ParamSpec

import jax.numpy as jnp

from adamx.core.foreign import Foreign
from adamx.core.freeze import Freeze
from adamx.core.transform import Transform, TransformLike, as_transform
from adamx.execution.plan import Piece, distinct
from adamx.hyperparameters.call import Call
from adamx.hyperparameters.hyper import bind, shown_signature
from adamx.optax.pair import EmptyState
from adamx.tree.check import wrong_state
from adamx.types import Params, StateT, UpdatesT

P = ParamSpec("P")


class Layout:
    """The layout of adamx itself: a dict by the names of the pieces."""

    is_dict: bool = True
    """Whether a state in this layout may be a dict."""

    def show(self, state: dict[str, Any]) -> Any:
        """Return a state of adamx as a user sees it."""
        return state or EmptyState()

    def hide(self, shown: Any) -> Any:
        """Return the state of adamx that `shown` shows."""
        return {} if isinstance(shown, tuple) and not shown else shown


class Single(Layout):
    """The state of the only piece, as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def show(self, state: dict[str, Any]) -> Any:
        return state[self.name]

    def hide(self, shown: Any) -> Any:
        return {self.name: shown}


class Series(Layout):
    """A tuple with the state of each transform in a chain, or a dict by their names."""

    def __init__(
        self, transforms: tuple[Transform, ...], keys: tuple[str, ...] | None = None
    ) -> None:
        self.keys, self.is_dict = keys, keys is not None
        self.layouts = [layout_of(tx) for tx in transforms]
        own = [_state_names(tx.plan.pieces) for tx in transforms]
        every = iter(
            _state_names(tuple(p for tx in transforms for p in tx.plan.pieces))
        )
        self.names = [{name: next(every) for name in names} for names in own]

    def show(self, state: dict[str, Any]) -> Any:
        parts = [
            layout.show({k: state[n] for k, n in names.items() if n in state})
            for layout, names in zip(self.layouts, self.names, strict=True)
        ]
        if self.keys is None:
            return tuple(parts)
        return dict(zip(self.keys, parts, strict=True))

    def hide(self, shown: Any) -> Any:
        parts = zip(self.layouts, self.names, self._values(shown), strict=True)
        return {
            names[k]: x
            for layout, names, part in parts
            for k, x in layout.hide(part).items()
        }

    def _values(self, shown: Any) -> list[Any]:
        return [*shown] if self.keys is None else [shown[key] for key in self.keys]


def _state_names(pieces: tuple[Piece, ...]) -> list[str]:
    """Return the names under which a state keeps what the pieces keep."""
    return [p.name if isinstance(p, Freeze) else name for name, p in distinct(pieces)]


class Fields(Layout):
    """A NamedTuple of what a piece keeps.

    Args:
        name: the name of the piece.
        kind: the NamedTuple; its fields have the names of adamx, or those of `fields`.
        **fields: names of adamx by the names of other fields.
    """

    is_dict = False

    def __init__(self, name: str, kind: Any, **fields: str) -> None:
        self.name, self.kind = name, kind
        self.fields = {field: fields.get(field, field) for field in kind._fields}

    def show(self, state: dict[str, Any]) -> Any:
        own = state[self.name]
        return self.kind(**{field: own[name] for field, name in self.fields.items()})

    def hide(self, shown: Any) -> Any:
        own = {name: getattr(shown, field) for field, name in self.fields.items()}
        return {self.name: own}


class Inside(Fields):
    """A NamedTuple of what a wrapper keeps, with the state inside as `inner_state`."""

    def __init__(self, name: str, kind: Any, inner: TransformLike) -> None:
        super().__init__(name, kind, inner_state="inner")
        self.inner = layout_of(as_transform(inner))

    def show(self, state: dict[str, Any]) -> Any:
        own = state[self.name]
        inner = self.inner.show(own.get("inner", {}))
        return super().show({self.name: {**own, "inner": inner}})

    def hide(self, shown: Any) -> Any:
        own = super().hide(shown)[self.name]
        inner = self.inner.hide(own.pop("inner"))
        return {self.name: own | ({"inner": inner} if inner else {})}


class Parts(Layout):
    """A NamedTuple with the states of the parts of a tree, by label."""

    is_dict = False

    def __init__(
        self,
        name: str,
        show: Callable[[dict[Any, Any]], Any],
        hide: Callable[[Any], Mapping[Any, Any]],
        parts: Mapping[Any, TransformLike],
    ) -> None:
        self.name, self.shown, self.hidden = name, show, hide
        self.layouts = {k: layout_of(as_transform(tx)) for k, tx in parts.items()}

    def show(self, state: dict[str, Any]) -> Any:
        own = state.get(self.name, {})
        return self.shown(
            {
                label: layout.show(own.get(str(label), {}))
                for label, layout in self.layouts.items()
            }
        )

    def hide(self, shown: Any) -> Any:
        given = self.hidden(shown)
        parts = {str(k): x.hide(given[k]) for k, x in self.layouts.items()}
        kept = {label: part for label, part in parts.items() if part}
        return {self.name: kept} if kept else {}


class InjectHyperparamsState(NamedTuple):
    """The state of `inject_hyperparams`; `hyperparams` may be changed."""

    count: Any
    hyperparams: dict[str, Any]
    hyperparams_states: dict[str, Any]
    inner_state: Any


class Injected(Layout):
    """Hyperparameters in one dict, those that follow a schedule too."""

    is_dict = False

    def __init__(self, numbers: Mapping[str, Any], inner: Transform) -> None:
        self.dtypes = {name: x.dtype for name, x in numbers.items()}
        self.inner = layout_of(inner)

    def show(self, state: dict[str, Any]) -> Any:
        own = state["inject_hyperparams"]
        return InjectHyperparamsState(
            count=own["count"],
            hyperparams=own.get("hyperparams", {}) | own.get("scheduled", {}),
            hyperparams_states={},
            inner_state=self.inner.show(own.get("inner", {})),
        )

    def hide(self, shown: Any) -> Any:
        values = dict(shown.hyperparams)
        own: dict[str, Any] = {"count": shown.count}
        if self.dtypes:
            own["hyperparams"] = {
                name: jnp.asarray(values.pop(name), dtype)
                for name, dtype in self.dtypes.items()
            }
        if values:
            own["scheduled"] = values
        inner = self.inner.hide(shown.inner_state)
        whole = own | ({"inner": inner} if inner else {})
        return {"inject_hyperparams": whole}


class LaidOut(Transform):
    """A transform of adamx whose state has another layout."""

    _own = Transform._own | {"layout"}
    layout: Layout

    def init(self, params: Params) -> Any:
        return self.layout.show(super().init(params))

    def update(
        self,
        updates: UpdatesT,
        state: StateT,
        params: Params | None = None,
        **extra: Any,
    ) -> tuple[UpdatesT, StateT]:
        hidden = self._hidden(state)
        updates, new = super().update(updates, hidden, params, **extra)
        return updates, self.layout.show(new)

    def _hidden(self, state: Any) -> Any:
        """Return the dict of adamx; one that `from_optax` made is that already."""
        if isinstance(state, dict) and not self.layout.is_dict:
            return state
        try:
            return self.layout.hide(state)
        except (AttributeError, TypeError, ValueError, KeyError):
            expected = "the state that init returned"
            raise wrong_state(repr(self), expected, type(state).__name__) from None

    @classmethod
    def made(cls, pieces: tuple[Piece, ...], call: Call, layout: Layout) -> "LaidOut":
        """Return the transform of these pieces, made by this call, with a layout."""
        transform = cls.__new__(cls)
        transform._set(pieces, call)
        transform.layout = layout
        return transform


def layout_of(tx: Transform) -> Layout:
    """Return the layout of the states of `tx`."""
    if isinstance(tx, LaidOut):
        return tx.layout
    pieces = tx.plan.pieces
    foreign = len(pieces) == 1 and isinstance(pieces[0][1], Foreign)
    return Single(pieces[0][0]) if foreign else Layout()


def with_layout(
    builder: Callable[P, tuple[Transform, Layout]],
) -> Callable[P, LaidOut]:
    """Decorate a function that returns a transform, and the layout of its states."""

    @functools.wraps(builder)
    def build(*args: P.args, **kwargs: P.kwargs) -> LaidOut:
        bound = bind(builder, args, kwargs)
        made, layout = builder(*bound.args, **bound.kwargs)
        pieces = made.plan.pieces
        return LaidOut.made(pieces, Call(build, bound, pieces), layout)

    vars(build)["__signature__"] = shown_signature(builder, "Transform")
    return build
