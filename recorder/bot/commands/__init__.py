"""The commands of ``!record``, one module per subject."""
