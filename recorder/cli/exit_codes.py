"""The exit codes of the command line."""

EXIT_CODES = """\b
Exit codes:
  0    done
  1    done, and something is wrong: verify, repair or doctor found faults;
       search found nothing
  2    wrong use or bad input; nothing was changed
  3    the data folder, the database or an output file cannot be used
  130  interrupted
"""

FAULTS_FOUND = 1
NOTHING_FOUND = 1
BAD_INPUT = 2
UNUSABLE = 3
INTERRUPTED = 130
