-- People with second factors, roles in atlases, sessions, scoped tokens, failures of signing in, idempotent requests, and
-- an audit log that only grows.
-- Secrets are stored as hashes only, but for the one that both sides of a second factor must know.

-- `rights` grows whenever somebody's rights change; servers forget then whom they know. Entries of the log may be deleted
-- that are older than `pruning_before`, which is set within the transaction that deletes them only.
ALTER TABLE state ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN rights BIGINT NOT NULL DEFAULT 1;
ALTER TABLE state ADD COLUMN pruning_before TEXT COLLATE "C";

CREATE TABLE person (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT,
    must_change_password BIGINT NOT NULL DEFAULT 0,
    totp_secret TEXT,
    totp_pending TEXT,
    totp_step BIGINT NOT NULL DEFAULT 0,
    operator BIGINT NOT NULL DEFAULT 0,
    disabled BIGINT NOT NULL DEFAULT 0,
    issuer TEXT,
    subject TEXT,
    created_at TEXT COLLATE "C" NOT NULL,
    used_at TEXT COLLATE "C" NOT NULL,
    UNIQUE (issuer, subject)
);

-- `roles` and `themes` are JSON lists; no themes = all.
CREATE TABLE membership (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    atlas TEXT COLLATE "C" NOT NULL,
    roles TEXT NOT NULL,
    themes TEXT,
    UNIQUE (person_id, atlas)
);

CREATE TABLE recovery_code (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    UNIQUE (person_id, code_hash)
);

-- The hash before the last rotation is good for a moment longer, for requests that were under way.
CREATE TABLE session (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    secret_hash TEXT NOT NULL UNIQUE,
    previous_hash TEXT UNIQUE,
    created_at TEXT COLLATE "C" NOT NULL,
    rotated_at TEXT COLLATE "C" NOT NULL,
    seen_at TEXT COLLATE "C" NOT NULL,
    expires_at TEXT COLLATE "C" NOT NULL
);
CREATE INDEX session_of_person ON session (person_id);

-- No atlas = all of the person's; no roles = all of the person's there.
CREATE TABLE token (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    label TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    atlas TEXT COLLATE "C",
    roles TEXT,
    operator BIGINT NOT NULL DEFAULT 0,
    created_at TEXT COLLATE "C" NOT NULL,
    expires_at TEXT COLLATE "C",
    used_at TEXT COLLATE "C",
    revoked_at TEXT COLLATE "C"
);
CREATE INDEX token_of_person ON token (person_id);

-- Good once: to set a password, or (without a person) to become the first operator.
CREATE TABLE one_time_token (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT REFERENCES person (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    expires_at TEXT COLLATE "C" NOT NULL
);

-- Failures by what they count for: an account, an address, both together. Nobody's typed name is in here.
CREATE TABLE login_failure (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject TEXT NOT NULL UNIQUE,
    failures BIGINT NOT NULL,
    last_at TEXT COLLATE "C" NOT NULL,
    blocked_until TEXT COLLATE "C" NOT NULL
);

-- Addresses (hashed) from which a person signed in before: strangers cannot delay the person there.
CREATE TABLE known_address (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    address_hash TEXT NOT NULL,
    used_at TEXT COLLATE "C" NOT NULL,
    UNIQUE (person_id, address_hash)
);

-- Answers to requests with an idempotency key; no status yet = under way.
CREATE TABLE idempotency (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_hash TEXT NOT NULL,
    person TEXT NOT NULL,
    target TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT,
    body BYTEA,
    created_at TEXT COLLATE "C" NOT NULL,
    UNIQUE (person, key_hash)
);

-- Who did what to what; never with values of observations or secrets. `before` and `after` are JSON.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at TEXT COLLATE "C" NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    atlas TEXT COLLATE "C",
    subject TEXT,
    before_json TEXT,
    after_json TEXT
);
CREATE INDEX audit_by_atlas ON audit (atlas, id);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM state WHERE OLD.happened_at < pruning_before) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_is_kept BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_is_append_only();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
