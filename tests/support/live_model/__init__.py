"""A model of the live path: random steps in a Discord whose truth is known.

`run` lets a real bot with the recorder live through steps, and says what was violated;
`random_run` draws them from a seed; `shrink` finds the few steps that a violation needs.
"""

from .running import Circumstances, Outcome, random_run, run
from .shrinking import shrink
from .steps import Step

__all__ = ["Circumstances", "Outcome", "Step", "random_run", "run", "shrink"]
