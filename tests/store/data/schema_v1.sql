-- The schema of a new recorder.db. Times are ISO 8601 in UTC with offset, so they sort as text.
-- Discord's ids are TEXT where they only name something and INTEGER where rows are sorted by them.

-- One row per recording.
CREATE TABLE recording_sessions (
    id TEXT PRIMARY KEY,
    name TEXT,
    user_id TEXT,               -- the user who started it; 0 if erased, NULL if imported
    channel_id TEXT,            -- of the current or last recording; NULL if imported from a file
    started_at TIMESTAMP,
    stopped_at TIMESTAMP,
    message_count INTEGER,
    file_path TEXT,             -- of the JSONL file, relative to the data folder
    status TEXT CHECK (status IN ('active', 'paused', 'stopped')),
    name_key TEXT NOT NULL,     -- the name for comparisons: NFKC, case-folded
    guild_id TEXT,              -- NULL for a DM channel
    is_auto INTEGER NOT NULL DEFAULT 0,       -- started by auto-recording, ends with its day
    is_draft INTEGER NOT NULL DEFAULT 0,      -- until its notice is sent or its merge is complete;
                                              -- a draft is hidden, and deleted after a crash
    in_order INTEGER NOT NULL DEFAULT 1,      -- 0 if a message came after a later one
    line_count INTEGER NOT NULL DEFAULT 0,    -- lines in the file: messages, changes, events
    byte_size INTEGER NOT NULL DEFAULT 0,     -- size of the complete file
    synced_bytes INTEGER NOT NULL DEFAULT 0,  -- the file is on disk up to here
    head BLOB NOT NULL          -- hash of the last line: the head of the chain
);
-- A name is unique within its guild or DM channel.
CREATE UNIQUE INDEX session_name ON recording_sessions (coalesce(guild_id, channel_id, ''), name_key);
-- One session at a time per channel.
CREATE UNIQUE INDEX running_session ON recording_sessions (channel_id) WHERE status <> 'stopped';

-- Moments that users marked to find them again.
CREATE TABLE session_tags (
    session_id TEXT REFERENCES recording_sessions (id) ON DELETE CASCADE,
    tag TEXT,
    timestamp TIMESTAMP,
    message_index INTEGER       -- the marked message
);
-- A tag is unique in its session.
CREATE UNIQUE INDEX session_tag ON session_tags (session_id, tag);
-- The tags of a message.
CREATE INDEX session_tag_place ON session_tags (session_id, message_index);

-- The channels of the messages in a session; they decide who may read it.
CREATE TABLE session_channels (
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    channel_id TEXT NOT NULL,
    watermark INTEGER,          -- Discord id up to which the channel's history is compared
    threads_watermark INTEGER,  -- the same for the list of the channel's archived threads
    PRIMARY KEY (session_id, channel_id)
) WITHOUT ROWID;

-- The times in which a session was recording: from start or resume to pause or stop.
CREATE TABLE session_intervals (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,         -- NULL while it is recording
    channel_id TEXT             -- its channel then; NULL in a merged session
);
-- The intervals of a session, to compute its duration.
CREATE INDEX session_interval ON session_intervals (session_id, started_at);

-- The times in which a recording session missed events, and the result of the backfill.
CREATE TABLE session_gaps (
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,        -- from 1 in its session
    started_at TIMESTAMP NOT NULL,  -- the last time without a loss
    ended_at TIMESTAMP,             -- NULL until the recorder is connected again
    reason TEXT NOT NULL,
    fetched INTEGER,                -- messages fetched from the history; NULL until it is read
    problem TEXT,                   -- why the history could not be read
    complete INTEGER NOT NULL DEFAULT 0,    -- 1 once no further attempt is made to fill it
    PRIMARY KEY (session_id, number)
);
-- The gaps of a session.
CREATE INDEX session_gap ON session_gaps (session_id, started_at);

-- Messages of the recorder itself, which are never recorded.
CREATE TABLE own_messages (
    message_id INTEGER PRIMARY KEY  -- Discord id
);

-- Periods in which the messages of a user are recorded without content and name.
CREATE TABLE opted_out (
    place_id TEXT NOT NULL,     -- the guild or DM channel
    user_id TEXT NOT NULL,
    since TIMESTAMP NOT NULL,
    until TIMESTAMP,            -- NULL while it lasts
    PRIMARY KEY (place_id, user_id, since)
) WITHOUT ROWID;

-- The scopes of auto-recording: a channel, or a guild with all its channels.
CREATE TABLE auto_recording (
    place_id TEXT PRIMARY KEY,  -- id of the channel or of the guild
    guild_id TEXT,              -- NULL for a DM channel
    user_id TEXT NOT NULL       -- the user who switched it on
) WITHOUT ROWID;

-- The record: each line of each JSONL file, in the order of writing, changed only by an erasure.
-- The id is a change sequence: a reader that knows all lines up to an id has missed none.
CREATE TABLE lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    line_number INTEGER NOT NULL,   -- from 1, contiguous
    byte_offset INTEGER NOT NULL,   -- of the line in the file
    line TEXT NOT NULL,             -- without the newline
    about INTEGER,                  -- for a later change: Discord id of the message
    key BLOB NOT NULL,              -- for this line's digest; erased together with the line
    hash BLOB NOT NULL,             -- of the previous line's hash and this line's digest
    UNIQUE (session_id, line_number)
);
-- The changes of a message.
CREATE INDEX line_about ON lines (session_id, about) WHERE about IS NOT NULL;

-- The messages to read and search, in their current state, computed from their lines.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE,  -- of its line
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    message_index INTEGER NOT NULL, -- from 1, contiguous
    message_id INTEGER,             -- Discord's
    channel_id TEXT,                -- in a thread, the thread's own
    timestamp TIMESTAMP NOT NULL,
    author TEXT NOT NULL,           -- user name
    author_id TEXT NOT NULL,
    type TEXT NOT NULL CHECK (type IN ('user_message', 'bot_response', 'system_message')),
    content TEXT NOT NULL,          -- raw, as it was sent
    shown_text TEXT,                -- what people saw, if that is more than the content
    model TEXT,                     -- AI model of a bot's answer
    attachments TEXT,               -- JSON array of URLs
    reply_to INTEGER,               -- Discord id of the message it replies to
    edited_at TIMESTAMP,            -- time of the last edit
    deleted_at TIMESTAMP,           -- time of the deletion in Discord
    pinned INTEGER NOT NULL DEFAULT 0,
    spaced_text TEXT,               -- the parts of the text in scripts without spaces between words,
                                    -- with a space after each character, so that words are found
    text TEXT GENERATED ALWAYS AS (coalesce(shown_text, content)) VIRTUAL,
    reactions TEXT,                 -- JSON object: count by emoji
    interaction TEXT,               -- JSON object: the command that it answers, and who used it
    UNIQUE (session_id, message_index)
);
-- A Discord message is in a session once.
CREATE UNIQUE INDEX session_message ON messages (session_id, message_id) WHERE message_id IS NOT NULL;

-- The full-text index of messages. The session's id is a column of it, so that the cost of a search
-- within a session depends on the session's size alone.
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

-- The erasures: time, reason and extent. Whom they concerned is not stored.
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    erased_at TIMESTAMP NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('user', 'message', 'session', 'retention', 'deletion')),
    line_count INTEGER NOT NULL,    -- lines whose content was erased
    finished INTEGER NOT NULL DEFAULT 0     -- 1 once no file contains a byte of it
);

-- What remains of an erased line, so that the chain can be verified without it.
CREATE TABLE erased_lines (
    line_id INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE,
    erasure_id INTEGER NOT NULL REFERENCES erasures (id),
    digest BLOB NOT NULL            -- of the original line, with its erased key
);

-- Files attached to messages, stored in attachments/ under the hash of their content.
CREATE TABLE attachments (
    url TEXT PRIMARY KEY,       -- without its query, which expires within a day
    channel_id TEXT NOT NULL,
    message_id INTEGER NOT NULL,    -- of the message to fetch a new URL from
    file_path TEXT,             -- relative to the data folder; NULL until it is stored
    byte_size INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP,  -- NULL once it is stored or has failed for good
    problem TEXT                -- why it could not be stored
) WITHOUT ROWID;
-- The next downloads.
CREATE INDEX attachment_due ON attachments (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- What happened to the data folder as a whole, only ever appended to: the leaves of a Merkle tree, so
-- that a deleted session, a removed row and an older database show in its root.
CREATE TABLE ledger (
    position INTEGER PRIMARY KEY,   -- from 0, contiguous
    entry TEXT NOT NULL,            -- canonical JSON
    leaf BLOB NOT NULL              -- hash of the entry as a leaf (RFC 6962)
);

-- Files of deleted and erased sessions that are still to be removed from the disk.
CREATE TABLE file_removals (
    file_path TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Messages with the name of their session, their tags and their link in Discord.
CREATE VIEW conversation AS
SELECT
    s.name AS session,
    m.message_index,            -- from 1 in its session
    m.timestamp,
    m.author,                   -- user name
    m.type,
    m.text,                     -- what people saw
    'https://discord.com/channels/' || coalesce(s.guild_id, iif(s.channel_id IS NULL, NULL, '@me'))
        || '/' || m.channel_id || '/' || m.message_id AS discord_url,   -- link to it in Discord
    m.model,                    -- AI model of a bot's answer
    (SELECT group_concat(t.tag, ', ') FROM session_tags t
        WHERE t.session_id = m.session_id AND t.message_index = m.message_index) AS tags,
    m.reactions,                -- JSON object: count by emoji
    m.edited_at,                -- time of the last edit
    m.deleted_at,               -- time of the deletion in Discord
    m.channel_id,               -- in a thread, the thread's own
    m.author_id,
    m.message_id,               -- Discord's
    m.reply_to,                 -- Discord id of the message it replies to
    m.session_id,
    m.id
FROM messages m JOIN recording_sessions s ON s.id = m.session_id
WHERE NOT s.is_draft;

-- Sessions with their duration and their counts of messages, tags and gaps.
CREATE VIEW sessions AS
SELECT
    s.name,
    s.status,
    s.started_at,
    s.stopped_at,
    (SELECT round(sum(julianday(coalesce(i.ended_at, 'now')) - julianday(i.started_at)) * 1440, 1)
        FROM session_intervals i WHERE i.session_id = s.id) AS minutes,    -- without pauses
    s.message_count,
    (SELECT count(*) FROM session_tags t WHERE t.session_id = s.id) AS tags,
    (SELECT count(*) FROM session_gaps g WHERE g.session_id = s.id) AS gaps,  -- with missed events
    s.is_auto,                  -- started by auto-recording
    s.channel_id,               -- where it is recorded, or was last
    s.guild_id,                 -- NULL for a DM channel
    s.id
FROM recording_sessions s
WHERE NOT s.is_draft;

-- Messages and authors per quarter of an hour of a session.
CREATE VIEW activity AS
SELECT
    s.name AS session,
    a.quarter,                  -- its start
    a.messages,
    a.authors,                  -- different authors, without Discord itself
    a.user_messages,
    a.bot_responses,
    a.session_id
FROM (
    SELECT session_id, count(*) AS messages,
        strftime('%Y-%m-%dT%H:%M:00+00:00', strftime('%s', timestamp) / 900 * 900, 'unixepoch')
            AS quarter,
        count(DISTINCT iif(type = 'system_message', NULL, author_id)) AS authors,
        sum(type = 'user_message') AS user_messages,
        sum(type = 'bot_response') AS bot_responses
    FROM messages GROUP BY session_id, quarter
) a JOIN recording_sessions s ON s.id = a.session_id
WHERE NOT s.is_draft;

-- Uses of bots' commands: messages of a prefix sign, a letter, and the rest of the word; and slash
-- commands and context menus, each known from the first message of its answer. Without what was
-- deleted in Discord.
CREATE VIEW commands AS
SELECT
    s.name AS session,
    m.message_index,            -- from 1 in its session; of the answer to a slash command
    m.timestamp,
    m.author,                   -- user name
    m.command,                  -- with its prefix
    m.content,                  -- with its arguments, which are unknown of a slash command
    m.author_id,
    m.session_id,
    m.id
FROM (
    SELECT *, substr(content, 1, instr(replace(content, char(10), ' ') || ' ', ' ') - 1) AS command
    FROM (
        SELECT id, session_id, message_index, timestamp, author, author_id, content
        FROM messages WHERE type = 'user_message' AND deleted_at IS NULL
            AND content GLOB '[!/?$.%&;~][A-Za-z]*'
    ) WHERE substr(command, 2) NOT GLOB '*[^A-Za-z0-9_-]*'
    UNION ALL
    SELECT id, session_id, min(message_index), timestamp, json_extract(interaction, '$.user'),
        json_extract(interaction, '$.user_id'), json_extract(interaction, '$.command'),
        json_extract(interaction, '$.command')
    FROM messages WHERE json_extract(interaction, '$.command') IS NOT NULL AND deleted_at IS NULL
    GROUP BY session_id, coalesce(json_extract(interaction, '$.id'), id)
) m JOIN recording_sessions s ON s.id = m.session_id
WHERE NOT s.is_draft;

-- The tagged moments with the messages that they mark.
CREATE VIEW tagged_moments AS
SELECT
    t.tag,
    c.session,
    c.message_index,            -- from 1 in its session
    c.timestamp,
    c.author,                   -- user name
    c.text,                     -- what people saw
    c.discord_url,              -- link to it in Discord
    t.session_id
FROM session_tags t
JOIN conversation c ON c.session_id = t.session_id AND c.message_index = t.message_index;
