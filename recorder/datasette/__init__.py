"""The recordings in Datasette: configuration, a plugin, the server, and copies to publish."""
