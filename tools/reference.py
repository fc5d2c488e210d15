"""``make docs``: the command reference and the stream table of each extractor's README, written from the programs themselves.

``--check`` writes nothing and exits with 1 when a file is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click

from marketo.cli import SOURCE as MARKETO
from pestroutes.cli import SOURCE as PESTROUTES
from transload.cli import group
from transload.source import Source
from transload.tables import size

ROOT = Path(__file__).parents[1]
SOURCES: tuple[Source, ...] = (MARKETO, PESTROUTES)
BEGIN, END = "<!-- made by make docs: begin -->\n", "<!-- made by make docs: end -->\n"


def commands(source: Source) -> str:
    """The help of every command of a source, as Markdown."""
    root = group(source)
    context = click.Context(root, info_name=source.name, max_content_width=110, terminal_width=110)
    pieces = [f"# The command line: `{source.name}`\n\nMade by `make docs` from the program's own `--help`. "
              "Every source has the same commands; only its own options differ.\n"]  # fmt: skip
    for name in root.list_commands(context):
        command = root.commands[name]
        inner = click.Context(command, info_name=name, parent=context, max_content_width=110, terminal_width=110)
        pieces.append(f"\n## {source.name} {name}\n\n```\n{command.get_help(inner)}\n```\n")
    return "".join(pieces)


def streams(source: Source) -> str:
    """The streams of a source, as a Markdown table."""
    rows = [
        f"| `{stream.name}` | {', '.join(stream.primary_key)} | {stream.cursor or '–'} | {', '.join(stream.modes)} | "
        f"{', '.join(sorted(stream.sensitive)) or '–'} | {stream.description} |\n"
        for stream in (*source.streams, *(family.make(family.placeholder) for family in source.families))
    ]
    head = "| stream | primary key | cursor | modes | sensitive fields | what it is |\n|---|---|---|---|---|---|\n"
    return head + "".join(rows)


def replaced(text: str, made: str) -> str:
    """A hand-written file with its generated part written anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{made}{END}{after}"


def files() -> dict[Path, str]:
    """Every generated file, and what belongs in it."""
    made = {ROOT / "docs" / "cli" / f"{source.name}.md": commands(source) for source in SOURCES}
    for source in SOURCES:
        readme = ROOT / "extractors" / source.name / "README.md"
        made[readme] = replaced(readme.read_text(), streams(source))
    return made


def main() -> int:
    """Write the files, or say which are stale; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    check = parser.parse_args().check
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        name = path.relative_to(ROOT)
        if check:
            print(f"{name} is stale: run make docs", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path])
            print(f"wrote {name} ({size(len(files()[path]))})")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
