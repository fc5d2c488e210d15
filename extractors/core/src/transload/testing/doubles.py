"""Several at once on one window, held at a step: one commits, the others say so, and nothing is doubled."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from transload.errors import WindowTaken
from transload.steps import Step
from transload.testing.cases import STORES, FaultTests, Stage, Undisturbed
from transload.testing.runs import Outcome

OF_EXTRACT = tuple(step for step in Step if step is not Step.DURING_PRUNE)
CHEAP_DOUBLES = {(Step.CHECKPOINT_WRITTEN, 2, "directory"), (Step.BEFORE_COMMIT, 3, "s3")}
CHEAP_PRUNES = {(Step.UPLOAD_COMPLETED, "directory")}


def _doubles() -> Iterator[Any]:
    for step in OF_EXTRACT:
        for count, word in ((2, "two"), (3, "three")):
            for store in STORES:
                marks = [pytest.mark.fault(step=step.value, mode=f"{word} at once", lake=store)]
                if (step, count, store) not in CHEAP_DOUBLES:
                    marks.append(pytest.mark.exhaustive)
                yield pytest.param(
                    step, count, store, "fresh", marks=marks, id=f"{step.value}-{word}-{store}".replace(" ", "_")
                )


def _prunes() -> Iterator[Any]:
    for step in OF_EXTRACT:
        for store in STORES:
            marks = [pytest.mark.fault(step=step.value, mode="prune beside it", lake=store)]
            if (step, store) not in CHEAP_PRUNES:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(step, store, "fresh", marks=marks, id=f"{step.value}-{store}".replace(" ", "_"))


class Doubles(FaultTests):
    """Runs that do not know of each other."""

    @pytest.mark.fault(table="Several at once, held at a step and then let go")
    @pytest.mark.parametrize(("step", "count", "store", "mode"), list(_doubles()))
    def test_at_once(self, stage: Stage, undisturbed: Undisturbed, step: Step, count: int, dice: random.Random) -> None:
        """Hold each at the step, in the order in which they came; let them go in any order."""
        command = stage.runner.extract()
        nth = 1 if step is Step.REQUEST else dice.randint(1, undisturbed.steps[step])
        # The later ones take up what the first has noted, and come to the step less often.
        processes = [stage.runner.start(command, step, nth, hold=True)]
        assert processes[0].held(), processes[0].end()
        for _ in range(count - 1):
            processes.append(stage.runner.start(command, step, hold=True))
            processes[-1].held()
        dice.shuffle(processes)
        for process in processes:
            process.release()
        outcomes = [process.end() for process in processes]

        codes = sorted(outcome.code for outcome in outcomes)
        if step is Step.AFTER_COMMIT:
            # The first had committed. The second finds that and has nothing to do; a third is a run of a committed window.
            assert codes == [0] * count
            assert len({outcome.load["load_id"] for outcome in outcomes}) == count - 1
        else:
            assert codes == [0] + [WindowTaken.exit_code] * (count - 1), outcomes
            self._demand_explained(outcomes)
        assert stage.seen().records == undisturbed.seen.records
        assert stage.bill == undisturbed.bill
        stage.demand_clean()

    def _demand_explained(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            assert outcome.load["committed"] == (outcome.code == 0)
            if outcome.code:
                assert outcome.load["error"]["type"] == "WindowTaken"
                assert "another attempt" in outcome.err.splitlines()[-1] or "other attempts" in outcome.err

    @pytest.mark.fault(table="Several at once, held at a step and then let go")
    @pytest.mark.parametrize(("step", "store", "mode"), list(_prunes()))
    def test_prune_beside_it(self, stage: Stage, undisturbed: Undisturbed, step: Step, dice: random.Random) -> None:
        """Hold a run, prune with an age of nothing, and let it go: what it is at work on is all there."""
        command = stage.runner.extract()
        nth = 1 if step is Step.REQUEST else dice.randint(1, undisturbed.steps[step])
        process = stage.runner.start(command, step, nth, hold=True)
        assert process.held(), process.end()
        pruned = stage.runner.here(stage.runner.prune())
        assert pruned.code == 0, pruned.err
        outcome = process.end()
        assert outcome.code == 0, outcome.err
        # A part that is committed and not there would raise.
        assert stage.seen().records == undisturbed.seen.records
        stage.demand_clean()
