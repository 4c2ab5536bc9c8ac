"""The exit codes of the command line."""

EXIT_CODES = """\b
Exit codes:
  0    success
  1    faults found (verify, repair, doctor, import); no hits (search); not finished (erase)
  2    wrong usage or bad input; nothing was changed
  3    the data folder, the database or an output file cannot be used
  130  interrupted
"""

FAULTS_FOUND = 1
NO_HITS = 1
NOT_FINISHED = 1
BAD_INPUT = 2
UNUSABLE = 3
INTERRUPTED = 130
