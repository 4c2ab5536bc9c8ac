"""The record itself: its lines, their chain, what happens to messages, names and ids."""
