-- Times are Unix seconds. Amounts are exact decimal text. `session` is sealed: token and memory of the player's session.
CREATE TABLE transfers (
    number        INTEGER PRIMARY KEY,
    id            TEXT NOT NULL,
    operator      TEXT NOT NULL,
    direction     TEXT NOT NULL,
    state         TEXT NOT NULL,
    amount        TEXT,
    currency      TEXT,
    description   TEXT NOT NULL,
    player_id     TEXT NOT NULL,
    session       BLOB NOT NULL,
    fingerprint   TEXT NOT NULL,
    adopted       INTEGER NOT NULL,
    fate          TEXT NOT NULL,
    wants         TEXT,
    tries         INTEGER NOT NULL,
    missing_at    REAL,
    revision      INTEGER NOT NULL,
    owner         TEXT,
    due_at        REAL,
    opened_at     REAL NOT NULL,
    decided_at    REAL,
    changed_at    REAL NOT NULL,
    hold_balance  TEXT,
    hold_currency TEXT,
    end_balance   TEXT,
    end_currency  TEXT,
    rollback_reason TEXT
) STRICT;

-- What identifies a transfer; the id first, since people look for it without knowing the rest.
CREATE UNIQUE INDEX transfers_key ON transfers (id, operator, direction);

CREATE INDEX transfers_opened ON transfers (opened_at);

-- Unfinished transfers alone: the finished ones cost a claim, a look for what is due, or a count nothing. One index for
-- all of these, since every change of a transfer pays for each index: the due ones lie in order within operator and
-- state, and with the other columns a count and the release of orphans need not read the table. (The condition names the
-- two states that it leaves out: for a list of more than two SQLite builds a table of its own at every write.)
CREATE INDEX transfers_unfinished ON transfers (operator, state, due_at, direction, opened_at, owner)
    WHERE state NOT IN ('confirmed', 'rolled_back');

-- What may be pruned, oldest first.
CREATE INDEX transfers_finished ON transfers (changed_at)
    WHERE state IN ('confirmed', 'rolled_back');

-- One row per try at the operator.
CREATE TABLE attempts (
    number   INTEGER PRIMARY KEY,
    transfer INTEGER NOT NULL REFERENCES transfers (number),
    call     TEXT NOT NULL,
    at       REAL NOT NULL,
    took_s   REAL NOT NULL,
    verdict  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    detail   TEXT NOT NULL,
    instance TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_transfer ON attempts (transfer);

-- Why transfers are rolled back, or were parked, retried or resolved by a person.
CREATE TABLE rollback_reasons (
    number   INTEGER PRIMARY KEY,
    transfer INTEGER NOT NULL REFERENCES transfers (number),
    text     TEXT NOT NULL,
    source   TEXT NOT NULL,
    category TEXT NOT NULL,
    at       REAL NOT NULL,
    who      TEXT NOT NULL
) STRICT;
CREATE INDEX rollback_reasons_transfer ON rollback_reasons (transfer);
CREATE INDEX rollback_reasons_at ON rollback_reasons (at);

-- Verified sessions, found by a digest of their token.
CREATE TABLE sessions (
    digest    BLOB NOT NULL,
    operator  TEXT NOT NULL,
    player_id TEXT NOT NULL,
    session   BLOB NOT NULL,
    seen_at   REAL NOT NULL,
    PRIMARY KEY (digest, operator)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_seen ON sessions (seen_at);

-- Gateways that are running, or were until their lease ended.
CREATE TABLE instances (
    id          TEXT PRIMARY KEY,
    started_at  REAL NOT NULL,
    lease_until REAL NOT NULL
) STRICT, WITHOUT ROWID;
