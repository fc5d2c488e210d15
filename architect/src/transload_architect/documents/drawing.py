"""Diagrams as SVG, drawn without a browser: the day, and where records go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from transload_architect.documents.day import Day, clock

_LABEL = 190
_ROW = 18
_COLOURS = ("#2f6f9f", "#c2703d", "#4f8a4c", "#8c5a9e", "#b0483e", "#6b7a2c", "#3a8a8a", "#94742d")


def day_svg(day: Day) -> str:
    """The day: a row a slot of each pool with its pods, and a row a DAG with its runs and deadlines."""
    dags = sorted({run.dag for run in day.runs})
    colour = {dag: _COLOURS[n % len(_COLOURS)] for n, dag in enumerate(dags)}
    rows = [(f"pool {pool}, slot {slot + 1}", pool, slot) for pool, slots in day.pools.items() for slot in range(slots)]
    width, height = _LABEL + 1440 + 10, 24 + _ROW * (len(rows) + len(dags)) + 12
    pieces = [_hours(height)]
    top = {(pool, slot): 24 + n * _ROW for n, (_, pool, slot) in enumerate(rows)}
    pieces += [_label(label, 24 + n * _ROW) for n, (label, _, _) in enumerate(rows)]
    for pod in day.pods:
        y = top.get((pod.pool, pod.slot))
        if y is not None:
            told = f"{pod.dag} {pod.task} {clock(pod.start)} to {clock(pod.end)}"
            pieces.append(_bar(pod.start, pod.end, y + 2, _ROW - 4, colour[pod.dag], told))
    for n, dag in enumerate(dags):
        y = 30 + (len(rows) + n) * _ROW
        pieces.append(_label(dag, y))
        for run in day.runs:
            if run.dag == dag:
                told = f"{dag} {clock(run.start)} to {clock(run.end)}"
                pieces.append(_bar(run.start, run.end, y + 4, _ROW - 8, colour[dag], told))
                if run.deadline is not None:
                    x = round(_LABEL + run.deadline % 1440) + 0.5  # on a pixel, or it would be two pale ones
                    told = f"<title>deadline of {clock(run.start)}: {clock(run.deadline)}</title>"
                    pieces.append(
                        f'<path d="M{x:.1f} {y + 1}v{_ROW - 2}" stroke="#d1242f" stroke-width="1">{told}</path>'
                    )
    return _svg(width, height, pieces, "The day: pods in the slots of their pools, runs and deadlines")


def lineage_svg(streams: Sequence[str], marts: Mapping[str, Sequence[str]]) -> str:
    """Streams on the left, marts on the right, and a line where a mart is made of a stream.

    Args:
        streams: in their order.
        marts: of each mart its streams.
    """
    used = [name for name in streams if any(name in sources for sources in marts.values())]
    height = 30 + max(len(used) * _ROW, len(marts) * 60)
    left = {name: 24 + n * _ROW for n, name in enumerate(used)}
    gap = (height - 30) / max(1, len(marts))
    pieces = []
    for n, (mart, sources) in enumerate(sorted(marts.items())):
        y, colour = 24 + gap * (n + 0.5), _COLOURS[n % len(_COLOURS)]
        for name in sorted(sources):
            if name in left:
                start = left[name] + 6
                pieces.append(
                    f'<path d="M230 {start}C430 {start} 430 {y:.1f} 620 {y:.1f}" fill="none" stroke="{colour}" stroke-width="1.2"/>'
                )
        pieces.append(f'<text x="628" y="{y + 4:.1f}" font-weight="600">{escape(mart)}</text>')
    pieces += [f'<text x="224" y="{y + 10}" text-anchor="end">{escape(name)}</text>' for name, y in left.items()]
    return _svg(900, height, pieces, "Which streams each mart is made of")


def tasks_svg(group: str, tasks: Sequence[str], before: Sequence[str], after: Sequence[str]) -> str:
    """A group of tasks side by side, what it waits for, and what waits for it."""
    columns = 4
    lines = -(-len(tasks) // columns)
    left = 144 if before else 0
    height = 46 + lines * 22
    box = f'x="{left + 4}" y="20" width="{columns * 190 + 12}" height="{lines * 22 + 12}"'
    pieces = [f'<rect {box} rx="6" fill="#f6f8fa" stroke="#8c959f"/>',
              f'<text x="{left + 8}" y="14" font-weight="600">{escape(group)}</text>']  # fmt: skip
    for n, name in enumerate(tasks):
        x, y = left + 12 + (n % columns) * 190, 28 + (n // columns) * 22
        pieces.append(f'<rect x="{x}" y="{y}" width="182" height="18" rx="3" fill="#fff" stroke="#d0d7de"/>')
        pieces.append(f'<text x="{x + 6}" y="{y + 13}">{escape(name)}</text>')
    edge = left + columns * 190 + 16
    middle = 26 + lines * 11
    for n, name in enumerate(before):
        y = middle + n * 26
        pieces += [f'<path d="M94 {y}L{left + 4} {middle}" stroke="#57606a" stroke-width="1.4"/>', _task(4, y, name)]
    for n, name in enumerate(after):
        y = middle + n * 26
        pieces += [
            f'<path d="M{edge} {middle}L{edge + 50} {y}" stroke="#57606a" stroke-width="1.4"/>',
            _task(edge + 50, y, name),
        ]
    deepest = middle + 26 * max(len(before), len(after))
    return _svg(edge + 150, max(height, deepest), pieces, f"Tasks: {group}")


def _task(x: int, y: int, name: str) -> str:
    return (
        f'<rect x="{x}" y="{y - 11}" width="90" height="22" rx="3" fill="#ddf4ff" stroke="#54aeff"/>'
        f'<text x="{x + 8}" y="{y + 4}">{escape(name)}</text>'
    )


def _svg(width: int, height: float, pieces: Iterable[str], title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}" '
        f'role="img" font-family="system-ui,sans-serif" font-size="11" fill="#1b1f24">\n<title>{escape(title)}</title>\n'
        f'<rect width="{width}" height="{height:.0f}" fill="#fff"/>\n' + "\n".join(pieces) + "\n</svg>\n"
    )


def _hours(height: float) -> str:
    lines = [f'<path d="M{_LABEL + hour * 60 + 0.5} 18V{height:.0f}" stroke="#eaeef2"/>' for hour in range(25)]
    lines += [
        f'<text x="{_LABEL + hour * 60}" y="13" text-anchor="middle">{hour:02}</text>' for hour in range(0, 25, 2)
    ]
    return "\n".join(lines)


def _label(text: str, y: float) -> str:
    return f'<text x="{_LABEL - 8}" y="{y + 13:.0f}" text-anchor="end">{escape(text)}</text>'


def _bar(start: float, end: float, y: float, height: float, colour: str, told: str) -> str:
    """A bar, or two: what goes on behind midnight was going on at the day's beginning too."""
    spans = [(start, min(end, 1440.0)), *([(0.0, end - 1440)] if end > 1440 else [])]
    boxes = [
        f'x="{_LABEL + first:.1f}" y="{y:.0f}" width="{max(1.0, last - first):.1f}" height="{height:.0f}"'
        for first, last in spans
    ]
    return "\n".join(f'<rect {box} fill="{colour}"><title>{escape(told)}</title></rect>' for box in boxes)
