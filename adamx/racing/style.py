"""The style of pictures: colours that the colour-blind can tell apart, few lines."""

from typing import Any

COLORS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#aa3377",
    "#ccbb44",
    "#66ccee",
    "#bb5566",
    "#777777",
)
"""Bright colours of Paul Tol, which the colour-blind can tell apart."""

DASHES = ("-", (0, (4, 1.2)))
"""They alternate, so that two lines on top of each other both show. The order is
reversed when colours repeat."""

MARKERS = "osD^vP*X"

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    # As text, which rcParams parses, so that no cycler must be imported.
    "axes.prop_cycle": f"cycler('color', {list(COLORS)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titleweight": "bold",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 2,
}


def look(index: int) -> dict[str, Any]:
    """Return colour, dash and marker of a line by its number."""
    turned = index + index // len(COLORS)
    return {
        "color": COLORS[index % len(COLORS)],
        "linestyle": DASHES[turned % len(DASHES)],
        "marker": MARKERS[turned % len(MARKERS)],
    }
