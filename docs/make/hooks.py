"""What mkdocs is to do beside what it does: formulas, and the lists of the API."""

import ast
import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, InclusionLevel

ROOT = Path(__file__).parents[2]

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">'
    r"(?:\\\((?P<inline>.*?)\\\)|\\\[(?P<block>.*?)\\\])</(?P=tag)>",
    re.DOTALL,
)

CELL = re.compile(r"<td.*?</td>", re.DOTALL)

RANGE = re.compile(r"\([\d.]+–[\d.]+\)")

CODE = re.compile(r"(<code[^>]*>)([^<]*)</code>")

NAME = re.compile(
    # What is a link already, a block or a heading is left alone.
    r"<(a|pre|h[1-6])\b.*?</\1>|<code>(?P<name>\w+)(\([^<]*\))?</code>",
    re.DOTALL,
)

METHODS = {
    "adamx.Rule": ["slots", "shared", "advance", "step"],
    "adamx.Transform": ["init", "update"],
}

API = re.compile(r"^<!-- api: ([\w. ]+) -->$", re.MULTILINE)


EXAMPLE = re.compile(r"\]\(\.\./((?:\.\./)*examples/\w+)\.py\)")


def on_files(files: Any, *, config: Any, **_: Any) -> None:
    """Add a page for each example: its source."""
    for file in sorted((ROOT / "examples").glob("*.py")):
        page = File.generated(
            config,
            f"examples/{file.stem}.md",
            content=f"# {file.name}\n\n```python\n{file.read_text()}```\n",
            inclusion=InclusionLevel.NOT_IN_NAV,
        )
        files.append(page)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the names of a package where a page says `<!-- api: adamx.core -->`.

    On GitHub a link to an example leads to the file; here it leads to its page.
    """
    markdown = EXAMPLE.sub(r"](\1.md)", markdown)

    def names(found: re.Match[str]) -> str:
        return "\n\n".join(map(entry, api(found[1].split())))

    return API.sub(names, markdown)


def entry(name: str) -> str:
    """What makes mkdocstrings describe a name, and of a class what is to be called."""
    members = METHODS.get(name)
    shown = f"\n    options:\n      members: {members}" if members else ""
    return f"::: {name}{shown}"


def on_page_content(content: str, *, page: Any, files: Any, **_: Any) -> str:
    """Formulas as MathML, which browsers show without a script; names with links."""
    content = FORMULA.sub(formula, content)

    def linked(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in PLACES:
            return found[0]
        there = files.get_file_from_path(PLACES[name]).url_relative_to(page.file)
        return f'<a href="{there}#adamx.{name}">{found[0]}</a>'

    content = NAME.sub(linked, content)

    def fitted(cell: re.Match[str]) -> str:
        return RANGE.sub(whole, CODE.sub(breakable, cell[0]))

    return CELL.sub(fitted, content)


def whole(found: re.Match[str]) -> str:
    """A range of numbers, which is not broken at its dash."""
    return f'<span style="white-space: nowrap">{found[0]}</span>'


def breakable(code: re.Match[str]) -> str:
    """Code in a table, which may be broken after an underscore, a dot or a bracket."""
    words = re.sub(r"(?<=[A-Za-z])([_.(])(?=[A-Za-z])", r"\1<wbr>", code[2])
    return f"{code[1]}{words}</code>"


def formula(found: re.Match[str]) -> str:
    """One formula; in HTML its `<` and `&` are escaped."""
    if found["inline"] is not None:
        return convert(html.unescape(found["inline"]).strip())
    # latex2mathml knows it as align*; within formulas it is called aligned.
    block = html.unescape(found["block"]).strip().replace("{aligned}", "{align*}")
    shown = convert(block, display="block")
    return f'<div class="formula" tabindex="0">{shown}</div>'


def api(packages: list[str]) -> list[str]:
    """The public names that are defined in these packages, sorted.

    They stand in `adamx` itself. What some packages, such as `adamx.testing`, name
    beside that stands there.
    """
    found = []
    for package in packages:
        everything = {
            name: module
            for name, module in exported(ROOT / "adamx" / "__init__.py")
            if f"{module}.".startswith(f"{package}.")
        }
        found += [f"adamx.{name}" for name in everything]
        if package in LISTED:
            own = exported(ROOT / package.replace(".", "/") / "__init__.py")
            found += [f"{package}.{n}" for n, _ in own if n not in everything]
    return sorted(found, key=lambda name: name.rpartition(".")[2].lower())


LISTED = ("adamx.schedules", "adamx.testing")
"""Packages of which more is public than `adamx` names."""


def exported(file: Path) -> list[tuple[str, str]]:
    """Each name that a file imports under its own name, and the module it is from."""
    return [
        (alias.name, node.module or "")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name and node.module != "adamx"
    ]


def places() -> dict[str, str]:
    """The page of the reference that each public name of adamx is on."""
    found = {}
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for packages in API.findall(page.read_text()):
            for name in api(packages.split()):
                package, _, last = name.rpartition(".")
                if package == "adamx":
                    found[last] = f"api/{page.name}"
    return found


PLACES = places()
