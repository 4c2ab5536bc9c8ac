"""Permissions: who may read and control recordings, and who sees a reply."""
