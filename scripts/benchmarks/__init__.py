"""Benchmarks, each figure beside a reference measured in the same run; see ``scripts/bench``."""
