"""Runs that try to make a recorder lose or damage data; ``scripts/torture`` starts them."""
