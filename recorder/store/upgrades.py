"""What brings a database of an older recorder up to date, step by step.

The script at place n leads from version n + 1 to n + 2; version 1 is the first. A step that
was released is never changed: it stays what it was, whatever ``schema.sql`` becomes.
"""

# Gaps and what was fetched for them, reactions, opting out, erasure, kept attachments, views.
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
CREATE VIEW conversation AS
SELECT
    s.name AS session,
    m.message_index,
    m.timestamp,
    m.author,
    m.type,
    m.text,
    'https://discord.com/channels/' || coalesce(s.guild_id, iif(s.channel_id IS NULL, NULL, '@me'))
        || '/' || m.channel_id || '/' || m.message_id AS discord_url,
    m.model,
    (SELECT group_concat(t.tag, ', ') FROM session_tags t
        WHERE t.session_id = m.session_id AND t.message_index = m.message_index) AS tags,
    m.reactions,
    m.edited_at,
    m.deleted_at,
    m.channel_id,
    m.author_id,
    m.message_id,
    m.reply_to,
    m.session_id,
    m.id
FROM messages m JOIN recording_sessions s ON s.id = m.session_id;
CREATE VIEW sessions AS
SELECT
    s.name,
    s.status,
    s.started_at,
    s.stopped_at,
    (SELECT round(sum(julianday(coalesce(i.ended_at, 'now')) - julianday(i.started_at)) * 1440, 1)
        FROM session_intervals i WHERE i.session_id = s.id) AS minutes,
    s.message_count,
    (SELECT count(*) FROM session_tags t WHERE t.session_id = s.id) AS tags,
    (SELECT count(*) FROM session_gaps g WHERE g.session_id = s.id) AS gaps,
    s.is_auto,
    s.channel_id,
    s.guild_id,
    s.id
FROM recording_sessions s;
CREATE VIEW activity AS
SELECT
    s.name AS session,
    a.quarter,
    a.messages,
    a.authors,
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
CREATE VIEW commands AS
SELECT
    s.name AS session,
    m.message_index,
    m.timestamp,
    m.author,
    m.command,
    m.content,
    m.author_id,
    m.session_id,
    m.id
FROM (
    SELECT *, substr(content, 1, instr(replace(content, char(10), ' ') || ' ', ' ') - 1) AS command
    FROM messages WHERE type = 'user_message' AND content GLOB '[!/?$.%&;~][A-Za-z]*'
) m JOIN recording_sessions s ON s.id = m.session_id
WHERE substr(m.command, 2) NOT GLOB '*[^A-Za-z0-9_-]*';
CREATE VIEW tagged_moments AS
SELECT
    t.tag,
    c.session,
    c.message_index,
    c.timestamp,
    c.author,
    c.text,
    c.discord_url,
    t.session_id
FROM session_tags t
JOIN conversation c ON c.session_id = t.session_id AND c.message_index = t.message_index;
"""

SCRIPTS: tuple[str, ...] = (_VERSION_2,)
