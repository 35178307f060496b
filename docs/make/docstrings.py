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


SECTION = re.compile(r"^(Returns|Reference):\n((?:    .*\n?)+)", re.MULTILINE)


def sentence(found: re.Match[str]) -> str:
    """A section without items as one paragraph, with links to arXiv.

    (As a section what it `Returns` would be cut at its first colon.)
    """
    words = " ".join(found[2].split())
    linked = re.sub(r"arXiv:(\d+\.\d+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", words)
    return f"**{found[1]}:** {linked}\n"


def readable(text: str) -> str:
    """The docstring with its equations as blocks, and its doctests as an example."""
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    text = SECTION.sub(sentence, text)
    return "\n\n".join(map(equation, text.split("\n\n")))


def equation(paragraph: str) -> str:
    """A paragraph of formulas as a block; any other as it is."""
    lines = paragraph.splitlines()
    prose = paragraph.rstrip().endswith((".", ":"))
    section = re.match(r"\w+:", paragraph) and len(lines) > 1
    if not lines or prose or section or not SYMBOLS.search(paragraph):
        return paragraph
    if lines[0].startswith((" ", "```", "|", ">>>", "- ")):
        return paragraph
    return "\n".join(["```text", *lines, "```"])
