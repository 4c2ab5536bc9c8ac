"""Verify, back up and diagnose a data folder."""
