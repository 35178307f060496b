"""Text shortened to a width."""

from collections.abc import Collection


def shortened(names: Collection[str], width: int) -> str:
    """Return as many names as fit, with commas, and the number of all names."""
    whole = ", ".join(names)
    if len(whole) <= width:
        return whole
    kept: list[str] = []
    for name in names:
        if kept and len(", ".join([*kept, name])) > width:
            break
        kept.append(name)
    return f"{', '.join(kept)}, … ({len(names)})"


def without_middle(text: str, width: int) -> str:
    """Return `text`, with an ellipsis in place of its middle beyond `width`."""
    if len(text) <= width:
        return text
    end = (width - 3) // 2
    return f"{text[: width - 3 - end]} … {text[len(text) - end :]}"
