"""Gateway events and channel history, recorded."""
