"""Random runs of a bot in a small Discord whose truth is known."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from support.live_model import Outcome, Step, random_run, run, shrink
from support.live_model.invariants import kinds

from scripts.torture_runs.integrity import Result

_SHRUNK = 3  # failing seeds whose steps are shown
_LOSSES = ("lost", "silent gap", "not fetched", "twice")
_STEPS_OF_KILLED = 40  # its rests are long: another process has to be watched
_WORKERS_OF_KILLED = 8


def play(runs: int, steps: int, seed: int) -> Result:
    """Let a bot live through random steps, `runs` times, on all processors.

    Each run has a seed of its own, from `seed` on: to repeat one, use ``--runs 1 --seed``.
    Recorded messages count as acknowledged.
    """
    result = Result(f"Discord: runs of {steps} steps")
    failed = _play(result, range(seed, seed + runs), steps, os.cpu_count())
    for failing in failed[:_SHRUNK]:
        result.faults.append(_shrunk_story(failing, steps))
    return result


def play_with_kills(runs: int, seed: int) -> Result:
    """Let a bot that is a process of its own live through random steps, and kill it."""
    result, steps = Result("Discord: bots killed by SIGKILL"), _STEPS_OF_KILLED
    seeds = range(seed, seed + runs)
    failed = _play(result, seeds, steps, _WORKERS_OF_KILLED, is_killed=True)
    for failing in failed[:_SHRUNK]:
        outcome = _run(failing, steps, is_killed=True)
        result.faults.append(_story(failing, outcome))
    return result


def _play(
    result: Result,
    seeds: Sequence[int],
    steps: int,
    workers: int | None,
    *,
    is_killed: bool = False,
) -> list[int]:
    """Count what becomes of runs, and return the seeds of those that violated something."""
    sent, violated, failed = 0, Counter[str](), list[int]()
    for seed, outcome in _outcomes(seeds, steps, workers, is_killed):
        result.runs += 1
        sent += outcome.messages
        result.acknowledged += outcome.recorded
        if outcome.violations:
            counts = kinds(outcome.violations)
            violated += Counter(counts.keys())
            failed.append(seed)
            result.damaged += 1
            result.lost += sum(counts[kind] for kind in _LOSSES)
    result.note = f"{len(seeds) * steps:,} steps, {sent:,} messages sent"
    if violated:
        counted = ", ".join(f"{kind} in {count} runs" for kind, count in violated.most_common())
        result.note += f"; violated: {counted}; seeds {', '.join(map(str, failed[:50]))}"
    return failed


def _outcomes(
    seeds: Sequence[int], steps: int, workers: int | None, is_killed: bool
) -> Iterator[tuple[int, Outcome]]:
    one = partial(_run, steps=steps, is_killed=is_killed)
    with ProcessPoolExecutor(workers) as pool:
        yield from zip(seeds, pool.map(one, seeds), strict=True)


def _run(seed: int, steps: int, is_killed: bool = False) -> Outcome:
    return run(*random_run(seed, steps, is_killed=is_killed))


def _shrunk_story(seed: int, count: int) -> str:
    steps, circumstances = random_run(seed, count)
    violated = set(kinds(run(steps, circumstances).violations))

    def fails(fewer: Sequence[Step]) -> bool:
        return bool(violated & set(kinds(run(fewer, circumstances).violations)))

    return _story(seed, run(shrink(steps, fails), circumstances))


def _story(seed: int, outcome: Outcome) -> str:
    """Return what was violated, what happened, and the steps."""
    steps = ", ".join(str(tuple(step)) for step in outcome.steps)
    happened = (*outcome.violations, *outcome.log, repr(outcome.circumstances), f"[{steps}]")
    return "\n  ".join((f"seed {seed}", *happened))
