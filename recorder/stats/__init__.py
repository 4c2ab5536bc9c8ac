"""Statistics of sessions, and pictures of them."""
