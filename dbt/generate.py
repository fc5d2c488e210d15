"""Writes a source's dbt declaration and its staging models from what its extractor says of itself.

    python dbt/generate.py pestroutes                        the `pestroutes` command is looked for on PATH
    python dbt/generate.py marketo --check                   exit code 1, and the names, when files are not as they would be written
    python dbt/generate.py marketo --activity-types LAKE     takes an account's types of activities first

Asks `SOURCE streams --json` and `SOURCE schema STREAM` (docs/design.md, section 4), and reads what is kept in the source's
folder of models: `guarantees.toml`, what the vendor guarantees beyond its schema; `columns.toml`, fields and streams that
only an account has; `activity_types.json`, of Marketo.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from generation.activities import FILE, fetch_types, read_types, render_activities, render_types
from generation.rendering import HEADER, render_model, render_sources, render_staging
from generation.streams import ContractError, read_streams

MODELS = Path(__file__).parent / "models" / "staging"


def render(source: str, command: Sequence[str], folder: Path, activity_types: str | None) -> dict[str, str]:
    """Every file by its name."""
    streams = read_streams(command, _toml(folder / "columns.toml"))
    files = {
        "_sources.yml": render_sources(source, streams),
        "_staging.yml": render_staging(source, streams, _toml(folder / "guarantees.toml")),
        **{f"stg_{source}__{stream.table}.sql": render_model(source, stream) for stream in streams},
    }
    if activity_types is not None:
        files[FILE] = render_types(fetch_types(activity_types, source))
    described = files.get(FILE) or _text(folder / FILE)
    if described:
        files |= render_activities(source, read_types(described, FILE), streams)
    return files


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"{path.name}: {error}") from None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def differing(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """The files that are not there as they should be, or are there and should not."""
    stale = [folder / name for name, text in files.items() if _text(folder / name) != text]
    wanted = {folder / name for name in files}
    left_over = [path for path in folder.rglob("*.*") if path not in wanted and HEADER in _text(path)]
    return sorted(stale + left_over)


def write(folder: Path, files: Mapping[str, str], paths: Sequence[Path]) -> None:
    for path in paths:
        if text := files.get(path.relative_to(folder).as_posix()):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="the source's name")
    parser.add_argument("--command", help="the extractor's command, when it is not on PATH by the source's name")
    parser.add_argument(
        "--models", type=Path, default=MODELS, help="the folder of staging models (default: this project's)"
    )
    parser.add_argument(
        "--activity-types",
        metavar="PLACE",
        help="write activity_types.json anew, from a lake's directory that has a full load of them, from a file (JSON, or a"
        " line a type; .gz too), or from stdin (-)",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 when something would be written"
    )
    options = parser.parse_args()

    folder = options.models / options.source
    try:
        files = render(options.source, shlex.split(options.command or options.source), folder, options.activity_types)
    except (ContractError, FileNotFoundError) as error:
        print(f"generate: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    paths = differing(folder, files)
    if not options.check:
        write(folder, files, paths)
    for path in paths:
        print(("stale: " if options.check else "written: ") + str(path))  # noqa: T201 - a command's answer
    return 1 if options.check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
