"""Runs that try to make a recorder lose or damage something; ``scripts/torture`` does them all."""
