"""Permissions: who may read, control and see recordings."""
