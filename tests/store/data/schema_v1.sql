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
-- A tag's name is unique in its session.
CREATE UNIQUE INDEX session_tag ON session_tags (session_id, tag);
-- The tags of a message.
CREATE INDEX session_tag_place ON session_tags (session_id, message_index);

-- Every channel that a session holds messages of; who may read it is decided by them.
CREATE TABLE session_channels (
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    channel_id TEXT NOT NULL,
    watermark INTEGER,          -- Discord id up to which the channel's history was compared
    PRIMARY KEY (session_id, channel_id)
) WITHOUT ROWID;

-- When a session was really recording: from start or resume to pause or stop.
CREATE TABLE session_intervals (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP          -- NULL while it runs
);
-- How long a session was recorded, without its pauses.
CREATE INDEX session_interval ON session_intervals (session_id, started_at);

-- When a session was not heard though it was recording, and what its channels' history gave.
CREATE TABLE session_gaps (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES recording_sessions (id) ON DELETE CASCADE,
    started_at TIMESTAMP NOT NULL,  -- the last moment that was surely heard
    ended_at TIMESTAMP,             -- NULL until the recorder is back
    reason TEXT NOT NULL,
    fetched INTEGER,                -- messages taken from the history; NULL until it was read
    problem TEXT                    -- why the history could not be read
);
-- The gaps of a session.
CREATE INDEX session_gap ON session_gaps (session_id, started_at);

-- People whose messages are recorded without content and name, from then on.
CREATE TABLE opted_out (
    place_id TEXT NOT NULL,     -- the guild, or the DM channel
    user_id TEXT NOT NULL,
    since TIMESTAMP NOT NULL,
    PRIMARY KEY (place_id, user_id)
) WITHOUT ROWID;

-- Where auto-recording is on: a channel, or a guild with all its channels.
CREATE TABLE auto_recording (
    place_id TEXT PRIMARY KEY,  -- id of the channel or of the guild
    guild_id TEXT,              -- NULL for a DM channel
    user_id TEXT NOT NULL       -- who switched it on
) WITHOUT ROWID;

-- The record itself: each line of each JSONL file, in the order of writing, never changed but
-- by an erasure.
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
    reactions TEXT,                 -- JSON object: emoji to how many reacted with it
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

-- Each erasure: what was destroyed for good, when and why. Whom it concerned is not kept.
CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    erased_at TIMESTAMP NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('user', 'message', 'session', 'retention', 'deletion')),
    line_count INTEGER NOT NULL,    -- lines whose content was destroyed
    finished INTEGER NOT NULL DEFAULT 0     -- 1 once no byte of it is left in any file
);

-- What stays of an erased line, so that the chain can be verified without it.
CREATE TABLE erased_lines (
    line_id INTEGER PRIMARY KEY REFERENCES lines (id) ON DELETE CASCADE,
    erasure_id INTEGER NOT NULL REFERENCES erasures (id),
    digest BLOB NOT NULL            -- of the line that stood there, under its destroyed key
);

-- Files attached to messages, kept under attachments/ by the hash of their content.
CREATE TABLE attachments (
    url TEXT PRIMARY KEY,       -- without its query, which expires within a day
    channel_id TEXT NOT NULL,
    message_id INTEGER NOT NULL,    -- of the message that a fresh URL is asked of
    file_path TEXT,             -- relative to the data folder; NULL while it is not kept
    byte_size INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP,  -- NULL once it is kept or given up
    problem TEXT                -- why it could not be kept
) WITHOUT ROWID;
-- What is to be downloaded next.
CREATE INDEX attachment_due ON attachments (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- Files of deleted and erased sessions, until they are gone from the disk too.
CREATE TABLE file_removals (
    file_path TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Messages as people read them: with the name of their session and their place in Discord.
CREATE VIEW conversation AS
SELECT
    s.name AS session,
    m.message_index,            -- from 1 in its session
    m.timestamp,
    m.author,                   -- user name
    m.type,
    m.text,                     -- what people saw
    'https://discord.com/channels/' || coalesce(s.guild_id, iif(s.channel_id IS NULL, NULL, '@me'))
        || '/' || m.channel_id || '/' || m.message_id AS discord_url,   -- where Discord shows it
    m.model,                    -- AI model of a bot's answer
    (SELECT group_concat(t.tag, ', ') FROM session_tags t
        WHERE t.session_id = m.session_id AND t.message_index = m.message_index) AS tags,
    m.reactions,                -- JSON object: emoji to how many reacted with it
    m.edited_at,                -- when it was last edited
    m.deleted_at,               -- when it was deleted in Discord
    m.channel_id,               -- of a thread, the thread's own
    m.author_id,
    m.message_id,               -- Discord's
    m.reply_to,                 -- Discord id of the message it answers
    m.session_id,
    m.id
FROM messages m JOIN recording_sessions s ON s.id = m.session_id;

-- Sessions with how long they were recorded and what they hold.
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
    (SELECT count(*) FROM session_gaps g WHERE g.session_id = s.id) AS gaps,  -- times not heard
    s.is_auto,                  -- begun by auto-recording
    s.channel_id,               -- where it is recorded, or was last
    s.guild_id,                 -- NULL for a DM channel
    s.id
FROM recording_sessions s;

-- How much was said in each quarter of an hour of a session.
CREATE VIEW activity AS
SELECT
    s.name AS session,
    a.quarter,                  -- its beginning
    a.messages,
    a.authors,                  -- how many different ones wrote, Discord itself aside
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
) a JOIN recording_sessions s ON s.id = a.session_id;

-- Messages that call a command of a bot: a sign, a letter, and a word up to the first space.
CREATE VIEW commands AS
SELECT
    s.name AS session,
    m.message_index,            -- from 1 in its session
    m.timestamp,
    m.author,                   -- user name
    m.command,                  -- with its sign
    m.content,                  -- with its values
    m.author_id,
    m.session_id,
    m.id
FROM (
    SELECT *, substr(content, 1, instr(replace(content, char(10), ' ') || ' ', ' ') - 1) AS command
    FROM messages WHERE type = 'user_message' AND content GLOB '[!/?$.%&;~][A-Za-z]*'
) m JOIN recording_sessions s ON s.id = m.session_id
WHERE substr(m.command, 2) NOT GLOB '*[^A-Za-z0-9_-]*';

-- The moments that somebody marked, with what was said there.
CREATE VIEW tagged_moments AS
SELECT
    t.tag,
    c.session,
    c.message_index,            -- from 1 in its session
    c.timestamp,
    c.author,                   -- user name
    c.text,                     -- what people saw
    c.discord_url,              -- where Discord shows it
    t.session_id
FROM session_tags t
JOIN conversation c ON c.session_id = t.session_id AND c.message_index = t.message_index;
