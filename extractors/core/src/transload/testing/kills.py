"""Killed at any step, in any mode: nothing is lost, nothing is doubled, nothing is seen too early, nothing is paid for twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from transload.steps import Step
from transload.testing.cases import MODES, STORES, FaultTests, Stage, Undisturbed
from transload.testing.runs import checkpoint

# What `make test` runs: each step and each mode is in it, on both stores together.
CHEAP = {
    (Step.MID_PAGE, "resumed", "directory"),
    (Step.UPLOAD_COMPLETED, "fresh", "s3"),
    (Step.CHECKPOINT_WRITTEN, "full refresh", "directory"),
    (Step.BEFORE_COMMIT, "re-run", "s3"),
    (Step.AFTER_COMMIT, "resumed", "directory"),
    (Step.DURING_PRUNE, "re-run", "directory"),
}


def _cases() -> Iterator[Any]:
    for step in Step:
        for mode in MODES:
            for store in STORES:
                marks = [pytest.mark.fault(step=step.value, mode=mode, lake=store)]
                if (step, mode, store) not in CHEAP:
                    marks.append(pytest.mark.exhaustive)
                yield pytest.param(step, mode, store, marks=marks, id=f"{step.value}-{mode}-{store}".replace(" ", "_"))


class Kills(FaultTests):
    """The matrix of steps, modes and stores."""

    @pytest.mark.fault(table="Killed (SIGKILL), then run again")
    @pytest.mark.parametrize(("step", "mode", "store"), list(_cases()))
    def test_killed(self, stage: Stage, undisturbed: Undisturbed, step: Step, mode: str, dice: random.Random) -> None:
        """Kill a run at a step, look at what is visible, run it again, and look again."""
        command = stage.prepare(mode)
        before = stage.seen()
        noted = checkpoint(stage.lake, stage.under.keys)
        if step is Step.DURING_PRUNE:
            self._kill_prune(stage, command, dice)
        else:
            # The first request is the first; of all else, any.
            nth = 1 if step is Step.REQUEST else dice.randint(1, undisturbed.steps[step])
            stage.runner.killed(command, step, nth)
        left = stage.seen()
        kept = checkpoint(stage.lake, stage.under.keys)
        if step is Step.AFTER_COMMIT:
            assert left.records == undisturbed.seen.records
        else:
            assert left == before
        if noted and step is not Step.DURING_PRUNE:
            # What an earlier attempt had noted stays in the load.
            assert kept is not None
            assert (kept.load_id, kept.parts[: len(noted.parts)]) == (noted.load_id, noted.parts)

        sent = stage.under.sent(stage.sandbox) if stage.under.sent else 0
        load = stage.loaded(command)
        assert (load["committed"], load["resumed"]) == (True, kept is not None)
        if stage.under.sent:
            again = sum(part.records for part in kept.parts) if kept else 0
            fetched = 0 if step is Step.AFTER_COMMIT else load["records"] - again
            assert stage.under.sent(stage.sandbox) - sent == fetched
        after = stage.seen()
        assert after.records == undisturbed.seen.records
        if kept:
            assert after.loads[kept.window] == kept.load_id
        if step is not Step.DURING_PRUNE:
            assert stage.bill == undisturbed.bill
        stage.demand_clean()

    def _kill_prune(self, stage: Stage, command: list[str], dice: random.Random) -> None:
        """Let prune find what an idle load left behind, and kill it at one of its removals."""
        stage.runner.killed(command, Step.UPLOAD_COMPLETED)
        stage.let_idle()
        # Of a checkpoint and a part at least.
        stage.runner.killed(stage.runner.prune(), Step.DURING_PRUNE, dice.randint(1, 2))
