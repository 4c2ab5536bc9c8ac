"""Statistics of sessions, and diagrams of them."""
