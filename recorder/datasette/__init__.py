"""The recordings in Datasette: its configuration, a plugin, the server, and copies to publish."""
