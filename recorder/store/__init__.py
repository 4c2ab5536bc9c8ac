"""Reading and writing of rows: all SQL on sessions, lines and messages.

``journal`` appends lines, ``sessions`` creates and changes sessions (both in the one
writing process), ``reading`` is for everybody else.
"""
