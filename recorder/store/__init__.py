"""The data folder: its files, its database, and all SQL on sessions, lines and messages.

Writes go through ``journal`` in the writer thread; ``reading`` has the read access for the other
rooms.
"""
