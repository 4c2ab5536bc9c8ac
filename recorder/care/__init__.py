"""Verification, backup and diagnosis of a data folder."""
