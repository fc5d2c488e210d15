"""The plots of docs/performance.md, as SVG written by hand: bars and lines are all there is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_OURS, _OTHERS, _INK, _GRID = "#0b6e4f", "#9aa5b1", "#1f2933", "#e4e7eb"
_COLOURS = (_OURS, "#d97706", "#7c3aed", "#2563eb", "#db2777", "#9aa5b1")
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="sans-serif" font-size="13">'


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" fill="{_INK}">{escape(text)}</text>'


def bars(title: str, values: Mapping[str, float], ours: str) -> str:
    """One bar a name, in the order given; ours stands out."""
    width, row, left = 760, 30, 210
    height = 50 + row * len(values)
    most = max(values.values(), default=1)
    parts = [_HEAD.format(w=width, h=height), f'<rect width="{width}" height="{height}" fill="white"/>']
    parts.append(_text(10, 24, title, weight="bold"))
    for n, (name, value) in enumerate(values.items()):
        y, length = 42 + n * row, max(1.0, value / most * (width - left - 100))
        colour = _OURS if name == ours else _OTHERS
        parts.append(_text(left - 8, y + 15, name, "end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="20" fill="{colour}"/>')
        parts.append(_text(left + length + 6, y + 15, f"{value:,.0f}"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def curves(title: str, x_title: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lines over axes that are both logarithmic; the first one stands out."""
    width, height, left, right, top, bottom = 760, 360, 70, 170, 44, 46
    points = [point for line in lines.values() for point in line]
    low, high = (math.log10(end(x for x, _ in points)) for end in (min, max))
    least = math.floor(math.log10(min(y for _, y in points)))
    most = math.ceil(math.log10(max(y for _, y in points)))

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - low) / ((high - low) or 1)
        up = (math.log10(y) - least) / (most - least)
        return left + across * (width - left - right), height - bottom - up * (height - top - bottom)

    parts = [_HEAD.format(w=width, h=height), f'<rect width="{width}" height="{height}" fill="white"/>']
    parts.append(_text(10, 24, title, weight="bold"))
    for power in range(least, most + 1):
        _, y = at(10**low, 10**power)
        parts.append(f'<line x1="{left}" x2="{width - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(left - 6, y + 4, f"{10**power:,.0f}", "end"))
    parts += [
        _text(at(x, 10**least)[0], height - bottom + 18, f"{x:,.0f}", "middle") for x in sorted({x for x, _ in points})
    ]
    parts.append(_text(left + (width - left - right) / 2, height - 8, x_title, "middle"))
    ends: list[float] = []
    for n, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[n % len(_COLOURS)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in sorted(line)))
        parts.append(
            f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{3 if n == 0 else 1.5}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in (at(*one) for one in line)]
        x, y = at(*max(line))
        while any(abs(y - other) < 14 for other in ends):
            y -= 14
        ends.append(y)
        parts.append(f'<text x="{x + 8:.0f}" y="{y + 4:.0f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
