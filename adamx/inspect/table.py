"""Tables as text and as HTML."""

import html
import itertools
from collections.abc import Sequence
from typing import NamedTuple


class Column(NamedTuple):
    """A column: its title, and the side to which its text is aligned."""

    title: str
    right: bool = False


def text(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, total: bool = True
) -> str:
    """Return the table, with a line below the titles and one above the total.

    Empty columns are left out.

    Args:
        columns: their titles and sides.
        rows: the cells of each row.
        total: whether the last row is the total of the others.
    """
    columns, rows = _filled(columns, rows)
    titles = [column.title for column in columns]
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column.right else cell.ljust(width)
            for column, cell, width in zip(columns, cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip()

    rule = line(["─" * width for width in widths])
    body = [*map(line, rows)]
    if total:
        body.insert(-1, rule)
    return "\n".join([line(titles), rule, *body])


def as_html(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Return the same table as HTML for a notebook; leading spaces stay."""
    columns, rows = _filled(columns, rows)

    def line(tag: str, cells: Sequence[str]) -> str:
        styled = (
            f'<{tag} style="text-align: {"right" if column.right else "left"}; '
            f'white-space: pre">{html.escape(cell)}</{tag}>'
            for column, cell in zip(columns, cells, strict=True)
        )
        return f"<tr>{''.join(styled)}</tr>"

    head = line("th", [column.title for column in columns])
    *body, last = (line("td", row) for row in rows)
    return (
        f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody>"
        f"<tfoot>{last}</tfoot></table>"
    )


def _filled(
    columns: Sequence[Column], rows: Sequence[Sequence[str]]
) -> tuple[list[Column], list[list[str]]]:
    used = [any(cells) for cells in zip(*rows, strict=True)]

    kept = [[*itertools.compress(cells, used)] for cells in rows]
    return [*itertools.compress(columns, used)], kept
