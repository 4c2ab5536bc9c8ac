"""The errors that this package raises on purpose.

::

    RecorderError
    ├── InvalidInput          the request cannot be carried out
    │   ├── InvalidName       a session or file name that cannot be used
    │   ├── InvalidSetting    a setting with a wrong value; names the variable
    │   ├── InvalidLine       a JSONL line that is neither a message nor a change of one
    │   ├── NotFound          no such session, tag or file
    │   ├── TooSlow           it takes longer than it may
    │   └── Conflict          it already exists, is already running, or is not running
    └── StorageError          the recordings cannot be read or written
        ├── DataFolderError   the data folder is missing, read-only, or not a folder
        ├── AlreadyRunning    another process writes to the data folder
        ├── ForeignDatabase   not a recorder database, or one of a newer version
        ├── DamagedDatabase   SQLite reports it as malformed, or a table is missing
        │   └── DamagedRow    a row with values that the recorder never writes
        ├── RecorderClosed    the recorder is not open
        └── RecordingFailed   a write failed; nothing more is acknowledged

The text of an error says what is wrong and what to do. Errors of the environment (disk,
permissions, SQLite) are wrapped in :class:`StorageError`; bugs propagate unchanged.
"""


class RecorderError(Exception):
    """The base of all errors that this package raises on purpose."""


class InvalidInput(RecorderError):
    """The request cannot be carried out."""


class InvalidName(InvalidInput):
    """A session or file name that cannot be used."""


class InvalidSetting(InvalidInput):
    """A setting with a wrong value."""


class InvalidLine(InvalidInput):
    """A JSONL line that is neither a message nor a change of one."""


class NotFound(InvalidInput):
    """No such session, tag or file, or none that the viewer may see."""


class TooSlow(InvalidInput):
    """It takes longer than it may, and was stopped."""


class Conflict(InvalidInput):
    """The state does not allow it: it already exists, is already running, or is not running."""


class StorageError(RecorderError):
    """The recordings cannot be read or written."""


class DataFolderError(StorageError):
    """The data folder is missing, read-only, or not a folder."""


class AlreadyRunning(StorageError):
    """Another process writes to this data folder."""


class ForeignDatabase(StorageError):
    """The database is not a recorder database, or was written by a newer version."""


class DamagedDatabase(StorageError):
    """SQLite reports the database as malformed, or a part of it is missing."""


class DamagedRow(DamagedDatabase):
    """A row with values that the recorder never writes; other rows can still be used."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The database is damaged: {what}. It was changed by another program. Keep a copy of "
            "it, then restore the last backup."
        )


class RecorderClosed(StorageError):
    """The recorder is not open: not yet, or no longer."""


class RecordingFailed(StorageError):
    """A write failed; nothing more is acknowledged until the recorder is restarted."""
