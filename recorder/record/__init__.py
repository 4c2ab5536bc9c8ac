"""The record: its lines and their hash chain, changes of messages, names and ids."""
