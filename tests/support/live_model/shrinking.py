"""Fewer steps that violate the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .steps import REST, Step


def shrink(
    steps: Sequence[Step], fails: Callable[[Sequence[Step]], bool], attempts: int = 400
) -> list[Step]:
    """Return steps that still fail, and of which none can be left out (delta debugging).

    Parameters
    ----------
    fails
        Returns whether some of the steps fail in the same way.
    attempts
        How often to try at most.
    """
    kept, size = list(steps), max(1, len(steps) // 2)
    while attempts > 0:
        begin, is_shorter = 0, False
        while begin < len(kept) and attempts > 0:
            fewer = kept[:begin] + kept[begin + size :]
            attempts -= 1
            if fewer and fails(fewer):
                kept, is_shorter = fewer, True
            else:
                begin += size
        if size == 1 and not is_shorter:
            break
        size = max(1, size // 2)
    calm = [step._replace(then=REST) for step in kept]
    return calm if calm != kept and fails(calm) else kept
