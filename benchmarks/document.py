"""Documents with parts that a command writes."""

from pathlib import Path


def replace(document: Path, name: str, text: str) -> None:
    """Put a text where the document marks the place, between two comments."""
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    old = document.read_text()
    head, found, tail = old.partition(begin)
    if not found or end not in tail:
        raise ValueError(f"{document} has no lines {begin} and {end}")
    document.write_text(f"{head}{begin}\n{text}\n{end}{tail.partition(end)[2]}")
