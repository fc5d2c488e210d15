"""A document as blocks, which become Markdown or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the page's."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `code` and [links](to) may stand in it."""

    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A table."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Code:
    """A text as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A diagram: as an SVG in HTML; in Markdown as Mermaid, or as a link to the file of the SVG."""

    svg: str
    mermaid: str = ""
    file: str = ""
    alt: str = ""


Block = Heading | Text | Rows | Code | Picture


def as_markdown(blocks: Iterable[Block]) -> str:
    """The page as Markdown."""
    pieces: list[str] = []
    for block in blocks:
        match block:
            case Heading(level, text):
                pieces.append(f"{'#' * level} {text}\n")
            case Text(text):
                pieces.append(f"{text}\n")
            case Rows(head, rows):
                lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
                lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
                pieces.append("\n".join(lines) + "\n")
            case Code(text):
                pieces.append(f"```\n{text}```\n")
            case Picture(mermaid=mermaid, file=file, alt=alt):
                pieces.append(f"```mermaid\n{mermaid}```\n" if mermaid else f"![{alt}]({file})\n")
    return "\n".join(pieces)


def as_html(title: str, pages: Iterable[tuple[str, Iterable[Block]]]) -> str:
    """Pages as one HTML document that needs nothing else: no script, no font, no network."""
    bodies: list[str] = []
    links: list[str] = []
    for name, blocks in pages:
        inner = "\n".join(_html(block) for block in blocks)
        bodies.append(f'<section id="{escape(name)}">\n{inner}\n</section>')
        links.append(f'<a href="#{escape(name)}">{escape(name)}</a>')
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f'<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n<body>\n<nav>{" ".join(links)}</nav>\n'
        + "\n".join(bodies)
        + "\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{_inline(text)}</h{level}>"
        case Text(text):
            return f"<p>{_inline(text)}</p>"
        case Rows(head, rows):
            heads = "".join(f"<th>{_inline(cell)}</th>" for cell in head)
            lines = "\n".join(
                "<tr>" + "".join(f"<td>{_inline(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
            )
            return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table>"
        case Code(text):
            return f"<pre>{escape(text)}</pre>"
        case Picture(svg=svg):
            return f"<figure>{svg}</figure>"
    raise AssertionError(block)


def _inline(text: str) -> str:
    text = re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text, quote=False))
    text = re.sub(r"\*\*([^*]*)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1", text)


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:1720px;padding:0 24px 60px;color:#1b1f24}"
    "nav{position:sticky;top:0;background:#fff;padding:10px 0;border-bottom:1px solid #d0d7de}nav a{margin-right:16px}"
    "table{border-collapse:collapse;margin:12px 0;font-size:13px}"
    "th,td{border:1px solid #d0d7de;padding:3px 8px;text-align:left;vertical-align:top}"
    "th{background:#f6f8fa}code,pre{font-family:ui-monospace,monospace;font-size:12.5px}pre{background:#f6f8fa;padding:12px;overflow:auto}"
    "figure{margin:12px 0;overflow:auto}section{border-bottom:3px solid #d0d7de;padding-bottom:24px}"
)
