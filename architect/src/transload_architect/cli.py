"""The ``architect`` command."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from transload_architect import __version__


class Refused(click.ClickException):
    """What was asked for cannot be done; the message says why, and what to do."""

    exit_code = 2


@click.group(context_settings={"max_content_width": 110})
@click.version_option(__version__, prog_name="architect")
def main() -> None:
    """Plans a pipeline on Airflow, makes it, checks it, and documents it.

    \b
    architect example > acme.yaml     a specification to begin with
    architect design acme.yaml        what follows from it, and whether it can be met
    architect new acme.yaml           its files
    architect check dags              DAGs held against rules, in any repository
    architect docs                    what there is

    Exit codes: 0, done; 1, something was found or is stale; 2, what was asked for cannot be done, and the message says why.
    """


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Choice(["text", "json", "sarif"]), default="text", show_default=True)
@click.option("--no-ruff", is_flag=True, help="Leave out ruff's rules for Airflow (AIR).")
def check(paths: tuple[Path, ...], output: str, no_ruff: bool) -> None:
    """Hold DAGs against the rules.

    The code is read, and never run.

    PATHS are files and folders; without any, those of `paths` in [tool.architect.check] of the nearest pyproject.toml
    (default: dags). What is wrong on purpose is silenced in its line with a reason: # architect: ignore[ARC104] reason.
    """
    from dataclasses import replace

    from transload_architect.check.config import ConfigError, find_config
    from transload_architect.check.report import as_json, as_sarif, as_text
    from transload_architect.check.run import check as run

    try:
        config, top = find_config(Path.cwd())
        config = replace(config, ruff=config.ruff and not no_ruff)
        chosen = paths or tuple(top / one for one in config.paths)
        missing = [one for one in chosen if not one.exists()]
        if missing:
            raise Refused(f"there is no {missing[0]}: name what to check, or set paths in [tool.architect.check]")
        report = run(chosen, top, config)
    except ConfigError as error:
        raise Refused(str(error)) from None
    click.echo({"text": as_text, "json": as_json, "sarif": as_sarif}[output](report))
    sys.exit(1 if report.fails(config) else 0)


@main.command()
@click.argument("rule", required=False)
def rules(rule: str | None) -> None:
    """List the rules of `check`, or explain one."""
    from transload_architect.check.pages import pages
    from transload_architect.check.rules import BY_ID, RULES

    if rule is None:
        for one in RULES:
            click.echo(f"{one.id}  {one.severity:<7}  {one.title}")
    elif rule.upper() in BY_ID:
        click.echo(pages()[f"{rule.upper()}.md"])
    else:
        raise Refused(f"there is no rule {rule}: `architect rules` lists all")


@main.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--json", "as_machine", is_flag=True, help="For machines.")
def design(spec: Path, as_machine: bool) -> None:
    """Make an architecture of a specification.

    Every recommendation has its arithmetic and its rule. SPEC is a YAML file; `architect example` prints one to begin with.
    Exit code 1: some of what it asks for cannot be met; the page says what would make it possible.
    """
    from transload_architect.design.machine import as_json
    from transload_architect.design.markdown import as_markdown
    from transload_architect.design.reading import SpecError, read_spec
    from transload_architect.design.verdict import make_plan

    try:
        plan = make_plan(read_spec(spec))
    except SpecError as error:
        raise Refused(str(error)) from None
    click.echo(as_json(plan) if as_machine else as_markdown(plan))
    sys.exit(1 if plan.problems else 0)


@main.command()
def example() -> None:
    """Print a specification to begin with.

    It has all fields that there are, with what they mean.
    """
    from transload_architect.design.example import EXAMPLE

    click.echo(EXAMPLE, nl=False)


@main.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Top of the repository (default: here).",
)
def new(spec: Path, root: Path) -> None:
    """Make the files of a new source.

    Of the specification SPEC it makes extractor, sandbox, DAGs, staging models, tests, and the lines that other files need.
    Nothing that is there is overwritten: where something stands in the way, nothing is written at all. Prints what is left
    for a person to do.

    The specification is copied to dags/SOURCE/spec.yaml, and lives there from then on. To change it: edit that file, look at
    `architect design` of it, remove the DAG files that should change (rm dags/SOURCE/*.py), and give it to this command
    again. DAG files that are missing, the pool's slots, and what generators make (dbt's sources and staging models, the
    command reference) are made anew. Extractor, sandbox, tests and requirements are yours since the first run: they stay as
    they are, and the lines that a new stream needs in them are printed.
    """
    from transload_architect.design.reading import SpecError, read_spec
    from transload_architect.design.verdict import make_plan
    from transload_architect.scaffold.edits import ScaffoldError
    from transload_architect.scaffold.make import make_source

    try:
        made = make_source(make_plan(read_spec(spec)), spec, root.resolve())
    except (SpecError, ScaffoldError) as error:
        raise Refused(str(error)) from None
    for line in made.lines:
        click.echo(line)
    click.echo("\nLeft to do:")
    for n, one in enumerate(made.left, 1):
        click.echo(f"{n}. {one}")


@main.command()
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    help="Top of the repository (default: here).",
)
@click.option(
    "--airflow-python",
    type=click.Path(path_type=Path),
    help="An interpreter with Airflow (default: .venv-airflow/bin/python of the repository).",
)
@click.option(
    "--manifest", type=click.Path(path_type=Path), help="dbt's manifest.json; else the lineage that was kept of it."
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit code 1 where a document is stale.")
def docs(root: Path, airflow_python: Path | None, manifest: Path | None, only_check: bool) -> None:
    """Write docs/architecture and docs/rules.

    They are made of the DAG objects, dbt's manifest and the sources' declarations.

    Exit code 1: a DAG file could not be imported (the page says which), or, with --check, a document is stale.
    """
    from transload_architect.design.reading import SpecError
    from transload_architect.documents.dag_objects import DagsUnreadable
    from transload_architect.documents.lineage import LineageError
    from transload_architect.documents.run import DocumentsError, refresh

    try:
        done = refresh(root.resolve(), airflow_python, manifest, only_check=only_check)
    except (SpecError, DagsUnreadable, DocumentsError, LineageError) as error:
        raise Refused(str(error)) from None
    for line in done.lines:
        click.echo(line, err=done.failed)
    sys.exit(1 if done.failed else 0)


if __name__ == "__main__":
    main()
