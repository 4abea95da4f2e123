-- People with second factors, roles in atlases, sessions, scoped tokens, failures of signing in, idempotent requests, and
-- an audit log that only grows. No program wrote to these tables of the first schema, so they are made anew.
-- Secrets are stored as hashes only, but for the one that both sides of a second factor must know.

DROP TABLE audit;
DROP TABLE token;
DROP TABLE person;

-- `rights` grows whenever somebody's rights change; servers forget then whom they know. Entries of the log may be deleted
-- that are older than `pruning_before`, which is set within the transaction that deletes them only.
ALTER TABLE state ADD COLUMN generation INTEGER NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN rights INTEGER NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN pruning_before TEXT;

CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    must_change_password INTEGER NOT NULL DEFAULT 0,
    totp_secret TEXT,
    totp_pending TEXT,
    totp_step INTEGER NOT NULL DEFAULT 0,
    operator INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0,
    issuer TEXT,
    subject TEXT,
    created_at TEXT NOT NULL,
    used_at TEXT NOT NULL,
    UNIQUE (issuer, subject)
);

-- `roles` and `themes` are JSON lists; no themes = all.
CREATE TABLE membership (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    atlas TEXT NOT NULL,
    roles TEXT NOT NULL,
    themes TEXT,
    UNIQUE (person_id, atlas)
);

CREATE TABLE recovery_code (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    UNIQUE (person_id, code_hash)
);

-- The hash before the last rotation is good for a moment longer, for requests that were under way.
CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT UNIQUE,
    created_at TEXT NOT NULL,
    rotated_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    expires_at TEXT NOT NULL
);
CREATE INDEX session_of_person ON session (person_id);

-- No atlas = all of the person's; no roles = all of the person's there.
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    atlas TEXT,
    roles TEXT,
    operator INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    used_at TEXT,
    revoked_at TEXT
);
CREATE INDEX token_of_person ON token (person_id);

-- Good once: to set a password, or (without a person) to become the first operator.
CREATE TABLE one_time_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER REFERENCES person (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    expires_at TEXT NOT NULL
);

-- Failures by what they count for: an account, an address, both together. Nobody's typed name is in here.
CREATE TABLE login_failure (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    subject TEXT NOT NULL UNIQUE,
    failures INTEGER NOT NULL,
    last_at TEXT NOT NULL,
    blocked_until TEXT NOT NULL
);

-- Addresses (hashed) from which a person signed in before: strangers cannot delay the person there.
CREATE TABLE known_address (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    person_id INTEGER NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    address_hash TEXT NOT NULL,
    used_at TEXT NOT NULL,
    UNIQUE (person_id, address_hash)
);

-- Answers to requests with an idempotency key; no status yet = under way.
CREATE TABLE idempotency (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    key_hash TEXT NOT NULL,
    person TEXT NOT NULL,
    target TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status INTEGER,
    body BLOB,
    created_at TEXT NOT NULL,
    UNIQUE (person, key_hash)
);

-- Who did what to what; never with values of observations or secrets. `before` and `after` are JSON.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    happened_at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    atlas TEXT,
    subject TEXT,
    before_json TEXT,
    after_json TEXT
);
CREATE INDEX audit_by_atlas ON audit (atlas, id);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM state WHERE OLD.happened_at < pruning_before)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
