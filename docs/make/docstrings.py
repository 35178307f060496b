"""Docstrings as they stand in the code, made into Markdown.

In the code an equation is a paragraph of its own with a line for each part, and an
example is under `Example:`. In Markdown lines of a paragraph are joined, and a doctest
would be a quotation.
"""

import re
from typing import Any

import griffe

SYMBOLS = re.compile(r"[←=≤≥√∇‖⟨≈·]| is | ~ ")


class Readable(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for everything that it has found."""
        if obj.docstring:
            obj.docstring.value = readable(obj.docstring.value)


def readable(text: str) -> str:
    """The docstring with its equations as blocks, and its doctests as an example."""
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = re.sub(r"^Reference:$", "Note: Reference", text, flags=re.MULTILINE)
    return "\n\n".join(map(equation, text.split("\n\n")))


def equation(paragraph: str) -> str:
    """A paragraph of formulas as a block; any other as it is."""
    lines = paragraph.splitlines()
    sentence = paragraph.rstrip().endswith((".", ":"))
    section = re.match(r"\w+:", paragraph) and len(lines) > 1
    if not lines or sentence or section or not SYMBOLS.search(paragraph):
        return paragraph
    if lines[0].startswith((" ", "```", "|", ">>>", "- ")):
        return paragraph
    return "\n".join(["```text", *lines, "```"])
