"""Search: the query language, its SQL and the results."""
