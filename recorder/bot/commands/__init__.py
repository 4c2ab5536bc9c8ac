"""The commands of ``!record``, by subject."""
