"""Pictures of a race."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from adamx.racing.extras import extras
from adamx.racing.results import Race
from adamx.racing.style import STYLE, look
from adamx.racing.task import Plane

POINTS = 400
FRAMES = 120


@contextmanager
def axes(width: float, height: float) -> Iterator[Any]:
    """Return axes to draw on."""
    with extras():
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    with rc_context(STYLE):
        yield Figure(figsize=(width, height), layout="constrained").add_subplot()


def save(ax: Any, file: Path) -> None:
    """Write the picture that `ax` are the axes of."""
    ax.figure.savefig(file, dpi=160, metadata={"Software": None})


@contextmanager
def picture(file: Path) -> Iterator[Any]:
    """Return axes to draw on, saved to `file` at the end of the block."""
    with axes(8, 4.8) as ax:
        yield ax
        save(ax, file)


def curves(race: Race, file: Path) -> None:
    """Return the validation loss at the best rate: mean, and a band over the seeds."""
    with picture(file) as ax:
        for i, o in enumerate(race.ranked):
            if o.best is None:
                continue
            values = o.validation[:, o.best]
            mine = look(i)
            mine.pop("marker")
            ax.plot(o.checkpoints, values.mean(axis=1), label=o.label, **mine)
            low, high = values.min(axis=1), values.max(axis=1)
            ax.fill_between(o.checkpoints, low, high, color=mine["color"], alpha=0.15)
        _loss_axis(ax, race)
        ax.set(xlabel="step", title=race.title or race.task)
        ax.set_xlim(0, race.settings["steps"])
        _legend(ax, "best rate of each")


def forgiveness(race: Race, file: Path) -> None:
    """Return the final validation loss against the learning rate."""
    with picture(file) as ax:
        for i, o in enumerate(race.ranked):
            mine = look(i)
            finite = np.isfinite(o.means)
            rates = np.array(o.rates)
            ax.plot(rates[finite], o.means[finite], label=o.name, markersize=5, **mine)
            with np.errstate(invalid="ignore"):
                low, high = o.final.min(axis=1), o.final.max(axis=1)
            ax.fill_between(
                rates[finite],
                low[finite],
                high[finite],
                color=mine["color"],
                alpha=0.15,
            )
            if o.best is not None:
                ax.plot(
                    o.best_rate,
                    o.means[o.best],
                    marker=mine["marker"],
                    markersize=11,
                    color="none",
                    markeredgecolor=mine["color"],
                    markeredgewidth=1.8,
                )
        ax.set_xscale("log")
        _loss_axis(ax, race)
        ax.set(
            xlabel="learning rate", title="How forgiving: loss against learning rate"
        )
        _legend(ax, "ringed: best;\nwhere a line ends,\na seed diverged")


def _loss_axis(ax: Any, race: Race) -> None:
    """Make the axis of the loss logarithmic, with the first loss at its top."""
    with extras():
        from matplotlib.ticker import LogFormatter
    starts = [o.validation[0] for o in race.outcomes]
    top = max((float(np.nanmax(s)) for s in starts if np.isfinite(s).any()), default=1)
    target = race.target if race.target is not None and 0 < race.target < top else None
    finals = [float(o.means[o.best]) for o in race.outcomes if o.best is not None]
    shown = [*finals, *([] if target is None else [target])]
    if shown and min(shown) > 0:
        ax.set_yscale("log")
        least = max(min(shown), 1e-12 * top)
        margin = max(1.05, (top / least) ** 0.08)
        ax.set_ylim(least / margin, margin * top)
        # Label numbers between powers of ten too, if the axis has few powers.
        ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
    elif top > 0:
        # Some losses are exactly 0, which a logarithmic axis cannot show.
        least = min((x for x in shown if x > 0), default=top)
        ax.set_yscale("symlog", linthresh=max(least, 1e-9 * top))
        ax.set_ylim(0, 1.5 * top)
    ax.set_ylabel("validation loss")
    if target is not None and target > ax.get_ylim()[0]:
        ax.axhline(target, color="0.4", linewidth=1, linestyle=(0, (2, 3)))
        ax.annotate(
            f"target {target:g}",
            (1, target),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color="0.35",
            fontsize="small",
            va="center",
        )


def _legend(ax: Any, title: str) -> None:
    ax.legend(
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        alignment="left",
        title_fontsize="small",
        fontsize="small",
    )


def trajectories(
    loss: Callable[[jax.Array], jax.Array],
    plane: Plane,
    paths: Mapping[str, np.ndarray],
    file: Path,
    title: str = "",
) -> None:
    """Draw paths of shape (steps + 1, 2) over the contours of a loss of two numbers.

    To a .gif it is drawn as it happens.
    """
    with extras():
        from matplotlib.animation import FuncAnimation, PillowWriter
    with axes(7.6, 5.0) as ax:
        _contours(ax, loss, plane)
        lines = []
        for i, (name, path) in enumerate(paths.items()):
            mine = look(i)
            (line,) = ax.plot(
                *path.T,
                color=mine["color"],
                linestyle=mine["linestyle"],
                linewidth=1.6,
                label=name,
            )
            (head,) = ax.plot(
                *path[-1],
                mine["marker"],
                color=mine["color"],
                markeredgecolor="white",
                markersize=7,
                zorder=5,
            )
            lines.append((path, line, head))
        start = next(iter(paths.values()))[0]
        ax.plot(*start, "o", color="white", markeredgecolor="black", label="start")
        ax.plot(
            *np.array(plane.minima).T,
            "*",
            color="gold",
            markeredgecolor="black",
            markersize=16,
            linestyle="none",
            label="minimum" if len(plane.minima) == 1 else "minima",
            zorder=4,
        )
        ax.set(xlim=plane.x, ylim=plane.y, xlabel="x", ylabel="y", title=title)
        _legend(ax, "")
        if file.suffix != ".gif":
            save(ax, file)
            return
        longest = max(map(len, paths.values())) - 1
        # Slowly at first, because most happens there, with a rest at the end.
        shown = np.unique(np.geomspace(1, longest + 1, FRAMES).astype(int) - 1)
        shown = [*shown, *[longest] * 15]
        count = ax.text(0.02, 0.02, "", transform=ax.transAxes, color="black")
        count.set_bbox({"facecolor": "white", "alpha": 0.8, "edgecolor": "none"})

        def draw(step: int) -> list[Any]:
            count.set_text(f"step {step}")
            for path, line, head in lines:
                line.set_data(*path[: step + 1].T)
                head.set_data(*path[min(step, len(path) - 1)][:, None])
            return [count]

        FuncAnimation(ax.figure, draw, frames=shown).save(
            file, writer=PillowWriter(fps=15), dpi=80
        )


def _contours(ax: Any, loss: Callable[[jax.Array], jax.Array], plane: Plane) -> None:
    """Draw lines of equal loss, equally far apart in its logarithm."""
    x, y = (jnp.linspace(*span, POINTS) for span in (plane.x, plane.y))
    points = jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(-1, 2)
    values = np.asarray(jax.jit(jax.vmap(loss))(points)).reshape(POINTS, POINTS)
    logs = np.log10(np.maximum(values, 1e-12))
    low = max(float(np.quantile(logs, 0.001)), float(logs.max()) - 8)
    levels = np.linspace(low, float(logs.max()), 19)
    ax.contourf(
        x, y, logs, levels=levels, cmap="Greys", alpha=0.5, extend="min", zorder=0
    )
    ax.contour(x, y, logs, levels=levels, colors="0.55", linewidths=0.5, zorder=0)
    ax.grid(visible=False)
