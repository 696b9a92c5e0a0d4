-- Times are milliseconds since 1970, UTC; NULL is "never". Tokens, keys and
-- fingerprints are SHA-256.

-- +goose Up
CREATE TABLE users (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
    email           TEXT NOT NULL UNIQUE CHECK (email = lower(email)),
    name            TEXT NOT NULL,
    language        TEXT NOT NULL,
    password        TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    role            TEXT NOT NULL CHECK (role IN ('user', 'helpdesk')),
    policy          TEXT NOT NULL,
    policy_accepted INTEGER,
    created         INTEGER NOT NULL,
    CHECK ((policy = '') = (policy_accepted IS NULL))
) STRICT;

CREATE TABLE cards (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer      TEXT NOT NULL,
    holder      TEXT NOT NULL,
    name        TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    expiry      INTEGER NOT NULL,
    registered  INTEGER NOT NULL,
    used        INTEGER,
    UNIQUE (issuer, holder)
) STRICT;
CREATE INDEX cards_of_user ON cards (user);

CREATE TABLE registrations (
    user    INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    step    TEXT NOT NULL CHECK (step IN ('chooseCard', 'insertCard')),
    name    TEXT NOT NULL,
    opened  INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    token         BLOB PRIMARY KEY CHECK (length(token) = 32),
    user          INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    card          INTEGER REFERENCES cards (id) ON DELETE CASCADE,
    certificate   BLOB,
    agent_session TEXT NOT NULL,
    created       INTEGER NOT NULL,
    seen          INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    locked        INTEGER NOT NULL CHECK (locked IN (0, 1)),
    authenticated INTEGER NOT NULL,
    CHECK ((card IS NULL) = (certificate IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_user ON sessions (user);
CREATE INDEX sessions_of_card ON sessions (card);
CREATE INDEX sessions_by_end ON sessions (expires);

-- Users are named by number alone: a line outlives whom it is about.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   INTEGER,
    subject INTEGER,
    action  TEXT NOT NULL,
    details TEXT NOT NULL CHECK (json_type(details) = 'object')
) STRICT;
CREATE INDEX audit_by_actor ON audit (actor);
CREATE INDEX audit_by_subject ON audit (subject);

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append only');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes without the trigger for deletion
-- (sqlite.org/lang_conflict.html).
-- +goose StatementBegin
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append only');
END;
-- +goose StatementEnd

CREATE TABLE attempts (
    key      BLOB PRIMARY KEY CHECK (length(key) = 32),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    last     INTEGER NOT NULL,
    until    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_last ON attempts (last);
