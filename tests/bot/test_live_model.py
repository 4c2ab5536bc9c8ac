"""Random runs of the live path; `scripts/torture discord` has longer ones and many more."""

from __future__ import annotations

import pytest
from support.live_model import Outcome, Step, random_run, run, shrink
from support.live_model.invariants import kinds

RUNS, STEPS = 30, 120


@pytest.mark.parametrize("seed", range(RUNS))
def test_what_was_announced_is_recorded_and_nothing_else(seed: int) -> None:
    steps, circumstances = random_run(seed, STEPS)
    outcome = run(steps, circumstances)
    if outcome.violations:
        violated = set(kinds(outcome.violations))
        few = shrink(
            steps,
            lambda fewer: bool(violated & set(kinds(run(fewer, circumstances).violations))),
            attempts=60,
        )
        pytest.fail(story(run(few, circumstances), outcome))


def test_a_run_is_the_same_each_time() -> None:
    first, second = (run(*random_run(1, STEPS)) for _ in range(2))
    assert first.steps == second.steps and first.log == second.log


def test_steps_that_do_not_matter_are_left_out() -> None:
    steps = [Step("say", number) for number in range(40)]
    few = shrink(steps, lambda fewer: {7, 23} <= {step.a for step in fewer})
    assert [step.a for step in few] == [7, 23]


def story(shrunk: Outcome, outcome: Outcome) -> str:
    """Return what was violated, and the steps to it."""
    violations = shrunk.violations or outcome.violations
    steps = ", ".join(str(tuple(step)) for step in shrunk.steps)
    return "\n".join((*violations, "", *shrunk.log, "", str(shrunk.circumstances), f"[{steps}]"))
