"""Tables for people, as aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[str] = frozenset()) -> str:
    """Aligned columns below a line of heads.

    Args:
        head: the columns' names.
        rows: the cells, in the order of ``head``.
        right: the columns that are aligned to the right.
    """
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(line, widths, head, strict=True)
        ).rstrip()
        for line in lines
    )


def counted(count: int, noun: str) -> str:
    """How many, as a person writes it: ``1 part``, ``1,200 parts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: int) -> str:
    """Bytes as a person writes them: ``12.3 MB``."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
