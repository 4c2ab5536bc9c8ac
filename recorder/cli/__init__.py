"""The command line: ``recorder …``, the same as ``python -m recorder``."""

from recorder.cli.main import main

__all__ = ["main"]
