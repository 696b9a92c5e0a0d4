-- Signatures of documents. One that is sent twice is kept once: an answer can be
-- lost on its way back to the page.

-- +goose Up
CREATE TABLE signatures (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    document    TEXT NOT NULL,
    size        INTEGER NOT NULL CHECK (size >= 0),
    digest      BLOB NOT NULL CHECK (length(digest) IN (32, 48, 64)),
    algorithm   TEXT NOT NULL,
    signature   BLOB NOT NULL,
    certificate BLOB NOT NULL,
    signer      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    holder      TEXT NOT NULL,
    kept        INTEGER NOT NULL,
    UNIQUE (user, digest, signature)
) STRICT;
CREATE INDEX signatures_of_user ON signatures (user, id);
