"""Every error that a caller can do something about.

::

    RecorderError
    ├── InvalidInput          what was asked for cannot be done as asked
    │   ├── InvalidName       a session name that cannot be used
    │   ├── InvalidSetting    a setting with a wrong value; names the variable
    │   ├── InvalidLine       a JSONL line that is not a message
    │   ├── NotFound          no such session, tag or file
    │   └── Conflict          it exists already, runs already, or does not run
    └── StorageError          the place where recordings are kept
        ├── DataFolderError   missing, read-only, or not a folder
        ├── AlreadyRunning    another process writes there
        ├── ForeignDatabase   not a database of ours, or of a newer version
        ├── DamagedDatabase   SQLite found it malformed, or a table is missing
        │   └── DamagedRow    a row holds what the recorder never writes
        └── RecordingFailed   a write failed; nothing is acknowledged any more

An error's text says what is wrong and what to do. Errors of the environment (disk,
permissions, SQLite) are wrapped into :class:`StorageError`; bugs propagate as they are.
"""


class RecorderError(Exception):
    """Base of all errors that this package raises on purpose."""


class InvalidInput(RecorderError):
    """What was asked for cannot be done as asked."""


class InvalidName(InvalidInput):
    """A session or file name that cannot be used."""


class InvalidSetting(InvalidInput):
    """A setting with a wrong value."""


class InvalidLine(InvalidInput):
    """A JSONL line that is not a message or a change of one."""


class NotFound(InvalidInput):
    """No such session, tag or file, or none that the asker may know of."""


class Conflict(InvalidInput):
    """The state does not allow it: it exists already, runs already, or does not run."""


class StorageError(RecorderError):
    """The place where recordings are kept cannot be used."""


class DataFolderError(StorageError):
    """The data folder is missing, read-only, or not a folder."""


class AlreadyRunning(StorageError):
    """Another process writes to this data folder."""


class ForeignDatabase(StorageError):
    """The database is not one of ours, or was written by a newer version."""


class DamagedDatabase(StorageError):
    """SQLite found the database malformed, or a part of it is missing."""


class DamagedRow(DamagedDatabase):
    """A row holds what the recorder never writes; the other rows can be used."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The database is damaged: {what}. It was changed by another program. Keep a copy of "
            "it, then put back the last backup."
        )


class RecordingFailed(StorageError):
    """A write failed; nothing more is acknowledged until the recorder is started again."""
