"""Random runs of a bot in a small Discord whose truth is known."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from support.live_model import Outcome, random_run, run, shrink
from support.live_model.invariants import kinds

from scripts.torture_runs.integrity import Result

_SHRUNK = 3  # failing seeds whose steps are shown
_LOSSES = ("lost", "silent gap", "not fetched", "twice")


def play(runs: int, steps: int, seed: int) -> Result:
    """Let a bot live through random steps, `runs` times, on all processors.

    Each run has a seed of its own, from `seed` on: one that failed is repeated with
    ``--runs 1 --seed``. Messages that are recorded count as acknowledged.
    """
    result = Result(f"Discord: runs of {steps} steps")
    seeds = range(seed, seed + runs)
    sent, violated, failed = 0, Counter[str](), list[int]()
    for each, outcome in _outcomes(seeds, steps):
        result.runs += 1
        sent += outcome.messages
        result.acknowledged += outcome.recorded
        if outcome.violations:
            counts = kinds(outcome.violations)
            violated += Counter(counts.keys())
            failed.append(each)
            result.damaged += 1
            result.lost += sum(counts[kind] for kind in _LOSSES)
    result.note = f"{runs * steps:,} steps, {sent:,} messages sent"
    if violated:
        told = ", ".join(f"{kind} in {count} runs" for kind, count in violated.most_common())
        result.note += f"; violated: {told}; seeds {', '.join(map(str, failed[:50]))}"
    for each in failed[:_SHRUNK]:
        result.faults.append(_story(each, steps))
    return result


def _outcomes(seeds: Sequence[int], steps: int) -> Iterator[tuple[int, Outcome]]:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from zip(seeds, pool.map(_run, seeds, [steps] * len(seeds), chunksize=4), strict=True)


def _run(seed: int, steps: int) -> Outcome:
    return run(*random_run(seed, steps))


def _story(seed: int, count: int) -> str:
    """Return the few steps of a seed that violate something, or all of them."""
    steps, circumstances = random_run(seed, count)
    violated = set(kinds(run(steps, circumstances).violations))
    few = shrink(
        steps, lambda fewer: bool(violated & set(kinds(run(fewer, circumstances).violations)))
    )
    outcome = run(few, circumstances)
    listed = ", ".join(str(tuple(step)) for step in few)
    lines = (f"seed {seed}", *outcome.violations, *outcome.log, repr(circumstances), f"[{listed}]")
    return "\n  ".join(lines)
