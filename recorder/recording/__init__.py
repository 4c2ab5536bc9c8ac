"""Recording: the writer thread, sessions, files and imports."""
