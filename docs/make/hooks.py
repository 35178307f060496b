"""What mkdocs is to do beside what it does: formulas, and the lists of the API."""

import ast
import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

ROOT = Path(__file__).parents[2]

FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">'
    r"(?:\\\((?P<inline>.*?)\\\)|\\\[(?P<block>.*?)\\\])</(?P=tag)>",
    re.DOTALL,
)

API = re.compile(r"^<!-- api: ([\w. ]+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the names of a package where a page says `<!-- api: adamx.core -->`."""

    def names(found: re.Match[str]) -> str:
        packages = found[1].split()
        return "\n\n".join(f"::: {n}" for n in api(packages))

    return API.sub(names, markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Formulas as MathML, which browsers show without a script."""
    return FORMULA.sub(formula, content)


def formula(found: re.Match[str]) -> str:
    """One formula; in HTML its `<` and `&` are escaped."""
    if found["inline"] is not None:
        return convert(html.unescape(found["inline"]).strip())
    whole = convert(html.unescape(found["block"]).strip(), display="block")
    return f'<div class="formula" tabindex="0">{whole}</div>'


def api(packages: list[str]) -> list[str]:
    """The public names that are defined in these packages, sorted.

    A package that names its things itself, such as `adamx.testing`, has its own list.
    """
    found = []
    for package in packages:
        public = ROOT / package.replace(".", "/") / "__init__.py"
        own = package in ("adamx.testing", "adamx.schedules")
        for name, module in exported(public if own else ROOT / "adamx/__init__.py"):
            if f"{module}.".startswith(f"{package}."):
                found.append(f"{package if own else 'adamx'}.{name}")
    return sorted(found, key=str.lower)


def exported(file: Path) -> list[tuple[str, str]]:
    """Each name that a file imports under its own name, and the module it is from."""
    return [
        (alias.name, node.module or "")
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name and node.module != "adamx"
    ]
