"""What a source declares: sound, documented, and the same wherever it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest

from transload.cli import group, run
from transload.settings import variable
from transload.source import Source, Stream

COMMANDS = ("check", "extract", "loads", "prune", "schema", "streams", "verify")
LISTED = {"name", "description", "primary_key", "cursor", "modes", "sensitive"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"
MEANINGS = set("string integer number boolean date time timestamp list json".split())
TYPES = set("string integer number boolean object array null".split())
# What says which run this is, or how its answer looks: a setting in the environment would be a trap.
NOT_IN_THE_ENVIRONMENT = {"--json", "--debug", "--dry-run", "--all"}
OF_VERIFY_ONLY = {"--since", "--until", "--full-refresh"}
# By name what is likely to be a secret: it must be declared as one.
SECRETIVE = re.compile(r"secret|password|token|\bkey\b|-key$", re.IGNORECASE)


def _printed(source: Source, *arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        assert run(source, arguments) == 0
    return out.getvalue()


class Declarations:
    """The tests; ``source`` is the declaration."""

    source: ClassVar[Source]

    @property
    def _streams(self) -> tuple[Stream, ...]:
        """The streams, and one of each family."""
        families = (family.make("some_name") for family in self.source.families)
        return (*self.source.streams, *families)

    def _options(self) -> Iterator[tuple[click.Command, click.Option]]:
        for command in group(self.source).commands.values():
            for option in command.params:
                if isinstance(option, click.Option):
                    yield command, option

    def test_the_commands_are_those_of_the_contract_and_have_help(self) -> None:
        commands = group(self.source).commands
        assert tuple(sorted(commands)) == COMMANDS
        for name, command in commands.items():
            assert len(command.help or "") > 10
            assert " ".join(str(command.help).split()) in " ".join(_printed(self.source, name, "--help").split())

    def test_every_option_has_help_and_a_variable_that_help_names(self) -> None:
        own = {f"--{one.name}": one for one in self.source.options}
        shown = {name: " ".join(_printed(self.source, name, "--help").split()) for name in COMMANDS}
        for command, option in self._options():
            name = option.opts[0]
            assert option.help, name
            assert option.help.strip().endswith((".", "]")), name
            if name in NOT_IN_THE_ENVIRONMENT or (command.name == "verify" and name in OF_VERIFY_ONLY):
                assert option.envvar is None, name
                continue
            expected = variable(self.source.name if name in own else "transload", name.removeprefix("--"))
            assert option.envvar == expected
            assert expected in shown[str(command.name)]
            if name == "--mask-key" or (name in own and own[name].secret):
                assert f"{expected}_FILE" in shown[str(command.name)]

    def test_what_is_named_like_a_secret_is_declared_as_one_and_has_no_default(self) -> None:
        assert [one.name for one in self.source.options if SECRETIVE.search(one.name) and not one.secret] == []
        assert [one.name for one in self.source.options if one.secret and one.default] == []

    def test_every_stream_says_what_it_is(self) -> None:
        names = [stream.name for stream in self.source.streams]
        assert len({name.casefold() for name in names}) == len(names)
        for stream in self._streams:
            assert stream.description.strip(), stream.name
            assert "\n" not in stream.description, stream.name
            assert stream.primary_key, stream.name
            assert "full" in stream.modes, stream.name
            assert set(stream.modes) <= {"full", "incremental"}, stream.name
            # Of several states of a record the newest must be known.
            assert stream.cursor is not None or "incremental" not in stream.modes, stream.name

    def test_every_schema_is_sound_and_agrees_with_its_stream(self) -> None:
        for stream in self._streams:
            schema = json.loads(_printed(self.source, "schema", stream.name))
            properties = schema["properties"]
            assert schema == stream.schema, stream.name
            assert (schema["$schema"], schema["$id"]) == (DIALECT, f"{self.source.name}/{stream.name}")
            assert (schema["type"], schema["additionalProperties"]) == ("object", True), stream.name
            assert schema["required"] == schema["x-primary-key"] == list(stream.primary_key), stream.name
            assert (schema["x-cursor"], schema["x-modes"]) == (stream.cursor, list(stream.modes)), stream.name
            assert schema["x-timezone"], stream.name
            assert {*stream.primary_key, *filter(None, [stream.cursor])} <= set(properties), stream.name
            assert {one["x-type"] for one in properties.values()} <= MEANINGS, stream.name
            assert all(_types(one) <= TYPES for one in properties.values()), stream.name
            assert {name for name, one in properties.items() if one.get("x-sensitive")} == stream.sensitive

    def test_streams_lists_them_all(self) -> None:
        listed = json.loads(_printed(self.source, "streams", "--json"))
        assert [one["name"] for one in listed] == [stream.name for stream in self.source.streams]
        assert all(set(one) == LISTED for one in listed)
        for one, stream in zip(listed, self.source.streams, strict=True):
            assert (one["description"], one["primary_key"]) == (stream.description, list(stream.primary_key))
            assert (one["cursor"], one["modes"]) == (stream.cursor, list(stream.modes))
            assert one["sensitive"] == sorted(stream.sensitive)
        table = [line.split()[0] for line in _printed(self.source, "streams").splitlines()[1:]]
        families = [f"{family.prefix}{family.placeholder}" for family in self.source.families]
        assert table == [*(stream.name for stream in self.source.streams), *families]

    def test_the_readme_and_dbt_know_the_same_streams(self, pytestconfig: pytest.Config) -> None:
        names = {stream.name for stream in self.source.streams}
        readme = (pytestconfig.rootpath / "extractors" / self.source.name / "README.md").read_text()
        shown = set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))
        assert shown >= names
        staged = pytestconfig.rootpath / "dbt" / "models" / "staging" / self.source.name / "_sources.yml"
        assert _tables(staged) >= names


def _types(property_: Any) -> set[str]:
    given = property_["type"]
    return {given} if isinstance(given, str) else set(given)


def _tables(sources: Path) -> set[str]:
    """The names of tables that a file of dbt's sources lists."""
    _, _, tables = sources.read_text().partition("tables:")
    return set(re.findall(r"^ +- name: \"?(\w+)", tables, re.MULTILINE))
