-- What a fresh recorder.db gets. Times are ISO 8601 in UTC with offset, so that they sort as text.
-- Discord's ids are TEXT where they only name something and INTEGER where they are sorted by.

-- One row a recording. The first nine columns are the specification's.
CREATE TABLE recording_sessions (
    id TEXT PRIMARY KEY,
    name TEXT,
    user_id TEXT,               -- who started it
    channel_id TEXT,            -- where it is recorded, or was last; NULL when read from a file
    started_at TIMESTAMP,
    stopped_at TIMESTAMP,
    message_count INTEGER,
    file_path TEXT,             -- its JSONL file, relative to the data folder
    status TEXT CHECK (status IN ('active', 'paused', 'stopped')),
    name_key TEXT NOT NULL,     -- the name as it is compared: NFKC, without case
    guild_id TEXT,              -- NULL for a DM channel
    is_auto INTEGER NOT NULL DEFAULT 0,       -- begun by auto-recording, ends with its day
    line_count INTEGER NOT NULL DEFAULT 0,    -- lines in the file: messages and later changes
    byte_size INTEGER NOT NULL DEFAULT 0,     -- size of the whole file
    synced_bytes INTEGER NOT NULL DEFAULT 0,  -- up to here the file is known to be on disk
    head BLOB NOT NULL          -- hash of the last line: the head of the chain
);
-- A name is unique within its guild, or within its DM channel.
CREATE UNIQUE INDEX session_name ON recording_sessions (coalesce(guild_id, channel_id, ''), name_key);
-- One session at a time in a channel.
CREATE UNIQUE INDEX running_session ON recording_sessions (channel_id) WHERE status <> 'stopped';

-- Moments that somebody marked, so that they are found again.
CREATE TABLE session_tags (
    session_id TEXT REFERENCES recording_sessions (id) ON DELETE CASCADE,
    tag TEXT,
    timestamp TIMESTAMP,
    message_index INTEGER       -- the message that was marked
);
CREATE UNIQUE INDEX session_tag ON session_tags (session_id, tag);
CREATE INDEX session_tag_place ON session_tags (session_id, message_index);

-- Every channel that a session holds messages of; who may read it is decided by them.
CREATE TABLE session_channels (
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    channel_id TEXT NOT NULL,
    PRIMARY KEY (session_id, channel_id)
) WITHOUT ROWID;

-- When a session was really recording: from start or resume to pause or stop.
CREATE TABLE session_intervals (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP          -- NULL while it runs
);
CREATE INDEX session_interval ON session_intervals (session_id, started_at);

-- Where auto-recording is on: a channel, or a guild with all its channels.
CREATE TABLE auto_recording (
    place_id TEXT PRIMARY KEY,  -- id of the channel or of the guild
    guild_id TEXT,              -- NULL for a DM channel
    user_id TEXT NOT NULL       -- who switched it on
) WITHOUT ROWID;

-- The record itself: each line of each JSONL file, in the order of writing, never changed.
-- The id is a change sequence: who has seen all up to an id has seen every change before it.
CREATE TABLE lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    line_number INTEGER NOT NULL,   -- from 1, without holes
    byte_offset INTEGER NOT NULL,   -- where the line begins in the file
    line TEXT NOT NULL,             -- without the newline
    about INTEGER,                  -- of a later change: Discord id of the message it speaks of
    key BLOB NOT NULL,              -- of this line's digest; dies with the line when it is erased
    hash BLOB NOT NULL,             -- over the hash of the line before and this line's digest
    UNIQUE (session_id, line_number)
);
-- The changes of a message.
CREATE INDEX line_about ON lines (session_id, about) WHERE about IS NOT NULL;

-- What people read and search: each message as it is now, made from its lines.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE,  -- of the line that holds it
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    message_index INTEGER NOT NULL, -- from 1, without holes
    message_id INTEGER,             -- Discord's
    channel_id TEXT,                -- of a thread, the thread's own
    timestamp TIMESTAMP NOT NULL,
    author TEXT NOT NULL,           -- user name
    author_id TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('user_message', 'bot_response', 'system_message')),
    content TEXT NOT NULL,          -- raw, as it was sent
    shown_text TEXT,                -- what people saw, where that is more than the content
    model TEXT,                     -- AI model of a bot's answer
    attachments TEXT,               -- JSON array of URLs
    reply_to INTEGER,               -- Discord id of the message it answers
    edited_at TIMESTAMP,            -- when it was last edited
    deleted_at TIMESTAMP,           -- when it was deleted in Discord
    pinned INTEGER NOT NULL DEFAULT 0,
    spaced_text TEXT,               -- the text's parts in scripts that put no spaces between words,
                                    -- a space after each character: so they are found word by word
    text TEXT GENERATED ALWAYS AS (coalesce(shown_text, content)) VIRTUAL,
    UNIQUE (session_id, message_index)
);
-- A Discord message stands in a session once.
CREATE UNIQUE INDEX session_message ON messages (session_id, message_id) WHERE message_id IS NOT NULL;

-- Full-text index over what people saw; a session's own id is a word of it, so that a search
-- inside a session costs what the session costs.
CREATE VIRTUAL TABLE messages_fts USING fts5(
    text, session_id, spaced_text,
    content="messages", content_rowid="id", tokenize="unicode61 remove_diacritics 2"
);
CREATE TRIGGER messages_after_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, text, session_id, spaced_text)
    VALUES (new.id, new.text, new.session_id, new.spaced_text);
END;
CREATE TRIGGER messages_after_delete AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, text, session_id, spaced_text)
    VALUES ('delete', old.id, old.text, old.session_id, old.spaced_text);
END;
CREATE TRIGGER messages_after_update AFTER UPDATE OF content, shown_text, session_id ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, text, session_id, spaced_text)
    VALUES ('delete', old.id, old.text, old.session_id, old.spaced_text);
    INSERT INTO messages_fts (rowid, text, session_id, spaced_text)
    VALUES (new.id, new.text, new.session_id, new.spaced_text);
END;

-- Files of deleted sessions, until they are gone from the disk too.
CREATE TABLE file_removals (
    file_path TEXT PRIMARY KEY
) WITHOUT ROWID;
