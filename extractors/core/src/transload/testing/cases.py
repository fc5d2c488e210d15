"""What the fault tests of one stream share: a sandbox, a lake and a runner each, and what an undisturbed run gives."""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from transload.lake import Lake, open_lake
from transload.layout import open_checkpoints
from transload.prune import AT_WORK, prune_stream
from transload.records import write
from transload.steps import Step
from transload.testing.runs import Runner, Visible, checkpoint, visible
from transload.testing.under_test import SourceUnderTest

STORES = ("directory", "s3")
MODES = ("fresh", "resumed", "re-run", "full refresh")
NOTED = 2  # checkpoints that an attempt writes before it is killed, to be resumed


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody disturbs leaves, of a mode and on a kind of lake.

    Args:
        seen: what is visible behind it.
        steps: how often it reaches each step.
        bill: what the vendor has charged for, preparations included.
    """

    seen: Visible
    steps: Counter[Step]
    bill: int


class Stage:
    """A sandbox, a lake, and the runner between them: where one test takes place."""

    def __init__(self, under: SourceUnderTest, sandbox: Any, runner: Runner, lake: Lake) -> None:
        self.under, self.sandbox, self.runner, self.lake = under, sandbox, runner, lake

    def prepare(self, mode: str) -> list[str]:
        """Bring the lake to where a run of this mode begins; returns the command of that run."""
        command = self.runner.extract(full=mode == "full refresh")
        if mode == "resumed":
            self.runner.killed(command, Step.CHECKPOINT_WRITTEN, NOTED)
        elif mode != "fresh":
            self.loaded(self.runner.extract())
        return command

    def loaded(self, command: list[str]) -> Any:
        """Run a command to its good end in this process; the load of its summary."""
        outcome = self.runner.here(command)
        assert outcome.code == 0, outcome.err
        return outcome.load

    def seen(self) -> Visible:
        """What is visible now."""
        return visible(self.lake, self.under.keys)

    @property
    def bill(self) -> int:
        """What the vendor has charged for until now."""
        return self.under.bill(self.sandbox) if self.under.bill else 0

    def let_idle(self) -> None:
        """Make the open load look as if nobody had been at work on it for long."""
        for key, found in open_checkpoints(self.lake, self.under.keys):
            self.lake.put(key, write(replace(found, updated_at=found.updated_at - 2 * AT_WORK)))

    def demand_clean(self) -> None:
        """No load is open; and once everything else is pruned, only what is committed is left."""
        keys = self.under.keys
        assert checkpoint(self.lake, keys) is None
        # Of everything however young: the command would spare what a run may be at work on.
        prune_stream(self.lake, keys, datetime.now(UTC), dry_run=False)
        left = {found.key for found in self.lake.list(keys.root)}
        windows = self.seen()
        loads = [key for key in left if key.startswith(keys.loads)]
        assert len(loads) == len(windows.loads)
        parts = {key.rpartition("/")[0].rpartition("/")[2] for key in left - set(loads)}
        assert parts <= set(windows.loads.values())
        assert _unfinished(self.lake) == []


def _unfinished(lake: Lake) -> list[str]:
    """Files of a directory that are no objects: what writers were killed over."""
    root = Path(lake.url)
    return [] if lake.url.startswith("s3:") else [str(path) for path in root.rglob("*.tmp")]


_undisturbed: dict[tuple[str, str, str], Undisturbed] = {}


class FaultTests:
    """The base of the kit's classes: ``under`` is the source under test."""

    under: ClassVar[SourceUnderTest]

    @pytest.fixture
    def stage(self, request: pytest.FixtureRequest, store: str) -> Iterator[Stage]:
        """A fresh stage on a kind of lake."""
        with self.under.sandbox() as sandbox:
            stage = _stage(request, self.under, sandbox, store)
            yield stage
            stage.runner.close()

    @pytest.fixture
    def undisturbed(self, request: pytest.FixtureRequest, store: str, mode: str) -> Undisturbed:
        """What the mode gives when nobody disturbs it; found out once a process."""
        key = (self.under.title, mode, store)
        if key not in _undisturbed:
            with self.under.sandbox() as sandbox:
                stage = _stage(request, self.under, sandbox, store)
                _undisturbed[key] = _run_undisturbed(stage, mode)
                stage.runner.close()
        return _undisturbed[key]


def _run_undisturbed(stage: Stage, mode: str) -> Undisturbed:
    command = stage.prepare(mode)
    steps: Counter[Step] = Counter()
    outcome = stage.runner.here(command, lambda step: steps.update([step]))
    assert outcome.code == 0, outcome.err
    seen = stage.seen()
    bill = stage.bill
    if mode == "fresh":
        _demand_enough(stage.under, steps)
    stage.demand_clean()
    return Undisturbed(seen, steps, bill)


def _demand_enough(under: SourceUnderTest, steps: Counter[Step]) -> None:
    needed = NOTED + 2
    assert steps[Step.CHECKPOINT_WRITTEN] >= needed, (
        f"{under.title} writes {steps[Step.CHECKPOINT_WRITTEN]} checkpoints a load: to be resumed and killed again it needs "
        f"{needed}; give it a smaller --batch-size, or more records"
    )


def _stage(request: pytest.FixtureRequest, under: SourceUnderTest, sandbox: Any, store: str) -> Stage:
    environment = dict(under.environment(sandbox))
    endpoint = None
    if store == "directory":
        folder: Path = request.getfixturevalue("tmp_path")
        destination = str(folder / f"lake-{secrets.token_hex(3)}")
    else:
        server = request.getfixturevalue("s3")
        endpoint = server.endpoint_url
        environment |= {**server.environment, "TRANSLOAD_ENDPOINT_URL": endpoint}
        destination = f"s3://{server.bucket}/{secrets.token_hex(6)}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        lake = open_lake(destination, endpoint)
    return Stage(under, sandbox, Runner(under, request.getfixturevalue("nursery"), destination, environment), lake)
