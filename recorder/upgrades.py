"""What brings a database of an older recorder up to date, step by step.

The script at place n leads from version n + 1 to n + 2; version 1 is the first. A step that
was released is never changed: it stays what it was, whatever ``schema.sql`` becomes.
"""

# Gaps and what was fetched for them, reactions, opting out, erasure, kept attachments.
_VERSION_2 = """
ALTER TABLE session_channels ADD COLUMN watermark INTEGER;
ALTER TABLE messages ADD COLUMN reactions TEXT;
CREATE TABLE session_gaps (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    reason TEXT NOT NULL,
    fetched INTEGER,
    problem TEXT
);
CREATE INDEX session_gap ON session_gaps (session_id, started_at);
CREATE TABLE opted_out (
    place_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    since TIMESTAMP NOT NULL,
    PRIMARY KEY (place_id, user_id)
) WITHOUT ROWID;
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    erased_at TIMESTAMP NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('user', 'message', 'session', 'retention', 'deletion')),
    line_count INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE erased_lines (
    line_id INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE,
    erasure_id INTEGER NOT NULL REFERENCES erasures (id),
    digest BLOB NOT NULL
);
CREATE TABLE attachments (
    url TEXT PRIMARY KEY,
    channel_id TEXT NOT NULL,
    message_id INTEGER NOT NULL,
    file_path TEXT,
    byte_size INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP,
    problem TEXT
) WITHOUT ROWID;
CREATE INDEX attachment_due ON attachments (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
"""

SCRIPTS: tuple[str, ...] = (_VERSION_2,)
