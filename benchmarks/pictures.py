"""Draw the pictures of the guide: python -m benchmarks.pictures [name ...].

Every curve is what adamx does on numbers made here; nothing is drawn by hand. Where a
formula is drawn beside it, the legend says so.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.figure import Figure

import adamx

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"

BLUE, RED, GREEN, PURPLE = COLOURS = "#4477aa", "#ee6677", "#228833", "#aa3377"
"""Of Paul Tol's bright scheme, which colour-blind people can tell apart."""
GREY = "#888888"

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.15,
    "figure.constrained_layout.h_pad": 0.08,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 2,
}

Draw = Callable[[Figure], None]
DRAWN: dict[str, tuple[float, float, Draw]] = {}
"""By file name: width and height in inches, and what draws it."""


def picture(width: float, height: float) -> Callable[[Draw], Draw]:
    """Decorate what draws on a figure of this size."""

    def add(draw: Draw) -> Draw:
        DRAWN[draw.__name__] = width, height, draw
        return draw

    return add


def emitted(tx: adamx.Transform, grads: Any) -> np.ndarray:
    """What a transform emits for these gradients of one number, step by step."""

    def step(state: Any, g: jax.Array) -> tuple[Any, jax.Array]:
        u, state = tx.update(g, state)
        return state, u

    grads = jnp.asarray(grads, jnp.float32)
    return np.asarray(jax.lax.scan(step, tx.init(grads[0]), grads)[1])


def path(
    tx: adamx.Transform,
    start: Any,
    steps: int,
    grad: Callable[[jax.Array], jax.Array],
    noise: float = 0.0,
    read: Callable[[Any, jax.Array], jax.Array] = lambda state, x: x,
) -> np.ndarray:
    """The points that training goes through, the first one too."""
    first = jnp.asarray(start, jnp.float32)
    errors = noise * jax.random.normal(jax.random.key(1), (steps, *first.shape))

    def step(carry: Any, error: jax.Array) -> tuple[Any, jax.Array]:
        x, state = carry
        u, state = tx.update(grad(x) + error, state, x)
        x = adamx.apply_updates(x, u)
        return (x, state), read(state, x)

    _, points = jax.lax.scan(step, (first, tx.init(first)), errors)
    return np.concatenate([first[None], points])


def thinned(values: np.ndarray, per_decade: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Steps, evenly spaced on a logarithmic axis, and the mean of those around each."""
    edges = np.unique(
        np.logspace(
            0, np.log10(len(values) + 1), int(per_decade * np.log10(len(values)))
        ).astype(int)
    )
    parts = [values[a - 1 : b - 1].mean() for a, b in itertools.pairwise(edges)]
    return np.sqrt(edges[:-1] * (edges[1:] - 1)), np.array(parts)


@picture(9.5, 3.6)
def bias_correction(figure: Figure) -> None:
    """The first steps of Adam with and without it."""
    left, right = figure.subplots(1, 2)
    steps, b1, b2 = 3000, 0.9, 0.999
    count = np.arange(1, steps + 1)
    noisy = 1 + np.random.default_rng(0).standard_normal(steps)
    raw = adamx.second_moment(b2)
    left.axhline(2.0, color=GREY, ls=":", label=r"$\mathrm{E}[g^2]$")
    left.plot(count, emitted(raw, noisy), color=RED, label=r"$\nu_t$")
    left.plot(
        count,
        2 * (1 - b2**count),
        color="black",
        lw=1,
        ls="--",
        label=r"$\mathrm{E}[g^2]\,(1-\beta_2^t)$",
    )
    corrected = emitted(adamx.bias_correct(raw), noisy)
    left.plot(count, corrected, color=BLUE, label=r"$\hat\nu_t$, corrected")
    left.set(title="The average starts at zero", xlabel="step t", ylim=(0, 3.2))
    left.legend(ncols=2, loc="upper right", columnspacing=1)

    with_it = adamx.scale_by_adam(b1, b2)
    without = adamx.scale_by_second_moment(raw, numerator=adamx.scale_by_momentum(b1))
    constant = np.ones(steps)
    right.semilogx(
        count, emitted(without, constant), color=RED, label="without correction"
    )
    right.semilogx(count, emitted(with_it, constant), color=BLUE, label="with it: Adam")
    right.set(
        title="Step length for a constant gradient",
        xlabel="step t",
        ylabel=r"in learning rates $\eta$",
        ylim=(0, 7.5),
    )
    right.legend(loc="upper right")


@picture(9.5, 6.6)
def hyperparameters(figure: Figure) -> None:
    """What each number of Adam does."""
    (rate, first), (second, eps) = figure.subplots(2, 2)
    scales = jnp.array([1.0, 10.0])

    def grad(x: jax.Array) -> jax.Array:
        return scales * x

    for eta, colour in zip((1e-3, 1e-2, 1e-1, 1.0), COLOURS, strict=True):
        found = path(adamx.adam(eta), [3.4, 2.3], 10_000, grad, noise=0.3)
        loss = 0.5 * (np.asarray(scales) * found**2).sum(-1)
        rate.loglog(*thinned(loss), color=colour, label=f"{eta:g}")
    rate.set(title=r"$\eta$: how far a step goes", xlabel="step", ylabel="loss")
    rate.legend(title="learning_rate", ncols=2, loc="lower left")

    turn = np.repeat([1.0, -1.0], 60)
    for b1, colour in zip((0.0, 0.9, 0.99), COLOURS, strict=False):
        tx = adamx.bias_correct(adamx.scale_by_momentum(b1))
        name = f"{b1:g}" if b1 else "0: the gradient"
        first.plot(emitted(tx, turn), color=colour, label=name)
    first.set(
        title=r"$\beta_1$: how long a direction lasts",
        xlabel="step",
        ylabel=r"$\hat\mu$",
    )
    first.legend(title="b1", loc="lower left")

    before, after = 50_000, 50_000
    drop = np.repeat([1.0, 0.1], [before, after])
    for b2, colour in zip((0.9, 0.99, 0.999, 0.9999), COLOURS, strict=True):
        tx = adamx.scale_by_adam(0.0, b2)
        lengths = emitted(tx, drop)[before:]
        second.semilogx(np.arange(1, after + 1), lengths, color=colour, label=f"{b2:g}")
    second.set(
        title=r"$\beta_2$: how long a scale lasts",
        xlabel="steps since the gradient became a tenth",
        ylabel=r"step length / $\eta$",
        ylim=(0, 1.1),
    )
    second.legend(title="b2", loc="upper left")

    sizes = np.logspace(-10, 1, 200)
    for value, colour in zip((1e-8, 1e-4, 1e-1), COLOURS, strict=False):
        tx = adamx.scale_by_adam(eps=value)
        ones = jnp.asarray(sizes, jnp.float32)
        u, _ = tx.update(ones, tx.init(ones))
        eps.loglog(sizes, u, color=colour, label=f"{value:.0e}".replace("-0", "-"))
    eps.set(
        title=r"$\epsilon$: below which gradients are small",
        xlabel="size of the gradient",
        ylabel=r"first step / $\eta$",
        ylim=(1e-4, 3),
    )
    eps.legend(title="eps", loc="lower right")


@picture(9.5, 3.8)
def valley(figure: Figure) -> None:
    """Gradient descent and momentum where one direction is 25 times as steep."""
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    curvature = jnp.array([1.0, 25.0])

    def grad(x: jax.Array) -> jax.Array:
        return curvature * x

    x, y = np.meshgrid(np.linspace(-10.8, 2.2, 200), np.linspace(-2.2, 2.2, 120))
    loss = 0.5 * (x**2 + 25 * y**2)
    left.contour(
        x, y, loss, levels=np.logspace(-0.6, 2, 9), colors="#ccc", linewidths=1
    )
    runs = {
        "sgd, η = 0.02: slow along the floor": (adamx.sgd(0.02), RED),
        "sgd, η = 0.075: from wall to wall": (adamx.sgd(0.075), PURPLE),
        "sgd, η = 0.02, momentum 0.8": (adamx.sgd(0.02, momentum=0.8), BLUE),
    }
    for name, (tx, colour) in runs.items():
        points = path(tx, [-10.0, 1.5], 60, grad)
        left.plot(
            *points[:31].T, "o-", color=colour, ms=3, lw=1.3, label=name, alpha=0.9
        )
        right.semilogy(0.5 * (points**2 @ np.array([1.0, 25.0])), color=colour)
    left.plot(0, 0, "*", color="black", ms=11)
    left.set(title="The first 30 steps", xlim=(-10.8, 2.2), ylim=(-2.2, 2.2))
    left.grid(visible=False)
    right.set(title="Loss", xlabel="step", ylim=(1e-6, 200))
    figure.legend(
        *left.get_legend_handles_labels(), ncols=3, loc="outside lower center"
    )


@picture(9.5, 3.8)
def averaging(figure: Figure) -> None:
    """Parameters that jump about the minimum, and their averages."""
    left, right = figure.subplots(1, 2)
    scales = jnp.array([1.0, 4.0])
    steps, rate, left_out = 10_000, 0.1, 100

    def grad(x: jax.Array) -> jax.Array:
        return scales * x

    mean = adamx.chain(adamx.sgd(rate), adamx.average_params(start_step=left_out))
    slow = adamx.chain(adamx.sgd(rate), adamx.average_params(0.99))
    free = adamx.schedule_free_sgd(rate)
    read = adamx.averaged_params
    runs = {
        "sgd": (mean, lambda state, x: x, GREY),
        "moving average, 0.99": (slow, read, GREEN),
        f"mean of all after step {left_out}": (mean, read, BLUE),
        "schedule-free": (free, adamx.schedule_free_eval_params, RED),
    }
    for name, (tx, show, colour) in runs.items():
        points = path(tx, [2.0, 1.5], steps, grad, 1.0, show)
        thin = 0.6 if name == "sgd" else 1.8
        shown = points[left_out:] if name.startswith("mean") else points
        left.plot(*shown.T, color=colour, lw=thin, label=name)
        right.loglog(*thinned(np.linalg.norm(points[1:], axis=1)), color=colour)
    left.plot(0, 0, "*", color="black", ms=11, zorder=5)
    left.set(title="Where the parameters are", xlim=(-0.95, 2.15), ylim=(-0.6, 1.6))
    right.set(title="Distance from the minimum", xlabel="step")
    handles, labels = left.get_legend_handles_labels()
    legend = figure.legend(handles, labels, ncols=4, loc="outside lower center")
    for line in legend.get_lines():
        line.set_linewidth(2)


@picture(9.5, 3.4)
def weight_decay(figure: Figure) -> None:
    """The same λ inside and outside of Adam's moments."""
    axes = figure.subplots(1, 2, sharey=True)
    sizes = jnp.array([1.0, 0.1, 0.01])
    rate, decay, steps = 1e-2, 0.1, 3000
    inside = adamx.chain(adamx.add_decayed_weights(decay), adamx.adam(rate))
    beside = adamx.adamw(rate, weight_decay=decay)
    titles = {
        "L2: λθ goes through the moments": inside,
        "AdamW: λθ beside them": beside,
    }
    for ax, (title, tx) in zip(axes, titles.items(), strict=True):
        # The gradients are noise: nothing but the decay has a direction.
        noise = sizes * jax.random.normal(jax.random.key(3), (steps, 200, 3))

        def step(carry: Any, g: jax.Array, tx: adamx.Transform = tx) -> Any:
            x, state = carry
            u, state = tx.update(g, state, x)
            x = x + u
            return (x, state), x.mean(0)

        start = jnp.ones((200, 3))
        _, means = jax.lax.scan(step, (start, tx.init(start)), noise)
        for i, colour in enumerate(COLOURS[:3]):
            ax.plot(means[:, i], color=colour, label=f"{float(sizes[i]):g}")
        ax.plot(
            (1 - rate * decay) ** np.arange(steps),
            color="black",
            lw=1,
            ls="--",
            label=r"$(1-\eta\lambda)^t$",
        )
        ax.set(title=title, xlabel="step", ylim=(-0.05, 1.05))
    axes[0].set_ylabel("weight, mean of 200")
    axes[1].legend(title="size of the gradients", loc="upper right")


@picture(9.5, 3.6)
def sharpness(figure: Figure) -> None:
    """A floor of minima, in a valley that is narrowest on the right."""
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])

    def loss(p: jax.Array) -> jax.Array:
        return 0.5 * (1 + p[0] ** 2) * p[1] ** 2

    grad = jax.grad(loss)
    x, y = np.meshgrid(np.linspace(-0.6, 2.4, 200), np.linspace(-1.05, 1.15, 120))
    height = 0.5 * (1 + x**2) * y**2
    left.contour(
        x, y, height, levels=np.logspace(-2, 0.6, 9), colors="#ccc", linewidths=1
    )
    left.axhline(0, color=GREY, ls=":", lw=1)
    up = adamx.chain(adamx.normalize(), adamx.sgd(0.5))
    runs = {
        "sgd(0.1)": (adamx.sgd(0.1), RED),
        "sam(sgd(0.1), ρ = 0.5)": (
            with_grad(adamx.sam(adamx.sgd(0.1), up, opaque_mode=True), grad),
            BLUE,
        ),
    }
    for name, (tx, colour) in runs.items():
        points = path(tx, [2.0, 1.0], 200, grad)
        left.plot(*points.T, "o-", color=colour, ms=3, lw=1.3, label=name)
        right.plot(1 + points[:, 0] ** 2, color=colour)
    left.set(title="Paths: all of the dotted line is a minimum", xlabel="x", ylabel="y")
    left.grid(visible=False)
    left.legend(loc="lower left", frameon=True, framealpha=1, edgecolor="white")
    right.set(title="Curvature across the valley", xlabel="step", ylim=(0, 5.3))


def with_grad(tx: adamx.Transform, grad: Callable[..., jax.Array]) -> adamx.Transform:
    """A transform that asks for gradients elsewhere, with where it gets them."""

    def update(updates: Any, state: Any, params: Any) -> Any:
        return tx.update(updates, state, params, grad_fn=lambda p, _: grad(p))

    return adamx.Transform(tx.init, update)


@picture(9.5, 3.8)
def no_rate(figure: Figure) -> None:
    """Adam at every rate, and optimizers that find theirs."""
    left, right = figure.subplots(1, 2, sharey=True)
    scales = jnp.array([1.0, 10.0])

    def grad(x: jax.Array) -> jax.Array:
        return 2 * scales * (x - 30.0)

    def distance(tx: adamx.Transform) -> np.ndarray:
        return np.linalg.norm(path(tx, [0.0, 0.0], 2000, grad) - 30.0, axis=1)[1:]

    for rate, colour in zip((1e-3, 1e-2, 1e-1, 1.0), COLOURS, strict=True):
        left.loglog(
            *thinned(distance(adamx.adam(rate))), color=colour, label=f"{rate:g}"
        )
    left.set(
        title="adam(learning_rate)", xlabel="step", ylabel="distance", ylim=(1e-3, 100)
    )
    left.legend(loc="lower left")
    found = {
        "prodigy()": adamx.prodigy(),
        "dadapt_adamw()": adamx.dadapt_adamw(),
        "dog()": adamx.dog(),
        "dowg()": adamx.dowg(),
    }
    for (name, tx), colour in zip(found.items(), COLOURS, strict=True):
        right.loglog(*thinned(distance(tx)), color=colour, label=name)
    right.set(title="Without a rate", xlabel="step")
    right.legend(loc="lower left")


@contextmanager
def drawn(name: str, folder: Path) -> Iterator[Figure]:
    """A figure of the right size, saved when it is done."""
    width, height, _ = DRAWN[name]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=130)
        yield figure
        figure.savefig(folder / f"{name}.png", metadata={"Software": None})


def main(argv: list[str] | None = None) -> None:
    """Write the pictures that are named, or all."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("names", nargs="*", help=f"of {', '.join(DRAWN)}")
    options.add_argument("--folder", type=Path, default=FOLDER)
    given = options.parse_args(argv)
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in given.names or DRAWN:
        with drawn(name, given.folder) as figure:
            DRAWN[name][2](figure)
        print(given.folder / f"{name}.png")


if __name__ == "__main__":
    main()
