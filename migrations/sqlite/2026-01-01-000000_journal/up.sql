-- The journal and what later parts keep beside it. Times are RFC 3339 text in UTC, always to the
-- microsecond, so that they sort as text; JSON is text exactly as it came.

-- Only the indexes that queries use: seq, id and created_at.
CREATE TABLE monitoring_events (
    seq        INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0),
    id         TEXT NOT NULL UNIQUE,
    event_type TEXT NOT NULL CHECK (length(event_type) BETWEEN 1 AND 50),
    timestamp  TEXT NOT NULL,
    source     TEXT NOT NULL CHECK (length(source) BETWEEN 1 AND 100),
    category   TEXT NOT NULL,
    data       TEXT NOT NULL CHECK (json_valid(data)),
    metadata   TEXT NOT NULL CHECK (json_valid(metadata)),
    checksum   TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX idx_monitoring_events_created_at ON monitoring_events (created_at);

-- One row: where the journal begins and ends, and which database it was made in.
CREATE TABLE journal (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch           TEXT NOT NULL,
    head_seq        INTEGER NOT NULL CHECK (head_seq >= 0),
    first_seq       INTEGER NOT NULL CHECK (first_seq BETWEEN 1 AND head_seq + 1),
    last_created_at TEXT NOT NULL,
    identity        TEXT NOT NULL
);

-- How far each adapter has delivered: `seq` is the last event that it was to deliver, and nothing
-- up to `through` is left to do.
CREATE TABLE cursors (
    name       TEXT NOT NULL PRIMARY KEY,
    epoch      TEXT NOT NULL,
    seq        INTEGER NOT NULL CHECK (seq >= 0),
    through    INTEGER NOT NULL CHECK (through >= seq),
    updated_at TEXT NOT NULL
);

-- Events that a destination refused for good, whole: they outlive retention. One that is being
-- replayed stays pending until its outcome is known, so that none is ever left behind.
CREATE TABLE dead_letters (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    adapter      TEXT NOT NULL,
    event_id     TEXT NOT NULL,
    epoch        TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    event        TEXT NOT NULL CHECK (json_valid(event)),
    reason       TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 1,
    status       TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'recovered', 'failed')),
    created_at   TEXT NOT NULL,
    replayed_at  TEXT,
    recovered_at TEXT,
    UNIQUE (adapter, event_id)
);
CREATE INDEX idx_dead_letters_status ON dead_letters (adapter, status, created_at);

-- Flags set at run time; they win over settings and environment until they expire.
CREATE TABLE flag_overrides (
    name       TEXT NOT NULL PRIMARY KEY,
    value      TEXT NOT NULL CHECK (json_valid(value)),
    set_by     TEXT NOT NULL,
    set_at     TEXT NOT NULL,
    expires_at TEXT
);

-- Who or what changed a flag, a breaker or the rollout, and why.
CREATE TABLE audit_log (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
    UNIQUE (at, actor, action, subject)
);

-- Every verdict other than matched; one per event and path.
CREATE TABLE verdicts (
    event_id      TEXT NOT NULL,
    path          TEXT NOT NULL,
    epoch         TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    category      TEXT NOT NULL,
    verdict       TEXT NOT NULL,
    reason        TEXT,
    expected_hash TEXT NOT NULL,
    seen_hash     TEXT,
    generation    INTEGER NOT NULL,
    decided_at    TEXT NOT NULL,
    PRIMARY KEY (event_id, path)
);
CREATE INDEX idx_verdicts_decided_at ON verdicts (decided_at);
