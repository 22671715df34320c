-- The truth, release 1. One text for PostgreSQL and SQLite.
-- No token, code or cookie is a column here: tokens are sealed references to rows.

-- Facts about this database: its release mark, whether it holds a demo.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Ids of devices and consents are UUIDs as text, because they are also ids of epochs.

-- Only ever raised, never deleted. Raising one takes back everything born under a lower one.
CREATE TABLE epochs (
    kind  TEXT NOT NULL,
    id    TEXT NOT NULL,
    epoch BIGINT NOT NULL,
    level TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
INSERT INTO epochs (kind, id, epoch, level) VALUES ('global', '*', 1, 'none');

-- Customers, clients and staff share one namespace: `sub` never means two things.
CREATE TABLE subjects (
    subject_id TEXT PRIMARY KEY,
    kind       TEXT NOT NULL
);

CREATE TABLE customers (
    customer_id   TEXT PRIMARY KEY REFERENCES subjects (subject_id),
    name          TEXT NOT NULL,
    name_folded   TEXT NOT NULL,
    email         TEXT,
    email_folded  TEXT,
    phone         TEXT,
    password_hash TEXT,
    created_at    TIMESTAMPTZ NOT NULL,
    disabled_at   TIMESTAMPTZ
);
CREATE INDEX customers_by_name ON customers (name_folded, customer_id);
CREATE INDEX customers_by_email ON customers (email_folded) WHERE email_folded IS NOT NULL;
CREATE INDEX customers_by_phone ON customers (phone) WHERE phone IS NOT NULL;

-- Contact details with their times: a number changed yesterday is not the number to call back.
CREATE TABLE contact_changes (
    change_id   UUID PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (customer_id),
    field       TEXT NOT NULL,
    old_value   TEXT,
    new_value   TEXT,
    changed_by  TEXT NOT NULL,
    changed_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX contact_changes_by_customer ON contact_changes (customer_id, changed_at);

CREATE TABLE staff (
    username      TEXT PRIMARY KEY REFERENCES subjects (subject_id),
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    disabled_at   TIMESTAMPTZ
);

-- Staff signed in to the console. The global epoch is no ancestor: whoever locked everybody must be able to unlock.
CREATE TABLE staff_sessions (
    staff_session_id UUID PRIMARY KEY,
    username         TEXT NOT NULL REFERENCES staff (username),
    browser_id       UUID NOT NULL,
    subject_epoch    BIGINT NOT NULL,
    signed_in_at     TIMESTAMPTZ NOT NULL,
    last_seen_at     TIMESTAMPTZ NOT NULL,
    expires_at       TIMESTAMPTZ NOT NULL,
    ended_at         TIMESTAMPTZ,
    end_reason       TEXT
);
CREATE INDEX staff_sessions_by_browser ON staff_sessions (username, browser_id);
CREATE INDEX staff_sessions_live ON staff_sessions (username, signed_in_at) WHERE ended_at IS NULL;
CREATE INDEX staff_sessions_by_expiry ON staff_sessions (expires_at);

CREATE TABLE clients (
    client_id     TEXT PRIMARY KEY REFERENCES subjects (subject_id),
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    auth_method   TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    scope         TEXT NOT NULL,
    grants        TEXT NOT NULL,
    resources     TEXT NOT NULL,
    origins       TEXT NOT NULL,
    first_party   BOOLEAN NOT NULL,
    color         TEXT,
    created_at    TIMESTAMPTZ NOT NULL,
    disabled_at   TIMESTAMPTZ
);

-- Two live while rotating. SHA-256 of 256 random bits.
CREATE TABLE client_secrets (
    secret_id  UUID PRIMARY KEY,
    client_id  TEXT NOT NULL REFERENCES clients (client_id),
    digest     BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX client_secrets_by_client ON client_secrets (client_id, created_at);

-- A device is (customer, browser cookie) or (customer, client, device_id of the app).
CREATE TABLE devices (
    device_id     TEXT PRIMARY KEY,
    customer_id   TEXT NOT NULL REFERENCES customers (customer_id),
    client_id     TEXT REFERENCES clients (client_id),
    app_device_id TEXT,
    browser_id    UUID,
    name          TEXT,
    model         TEXT,
    platform      TEXT,
    os_version    TEXT,
    app_version   TEXT,
    timezone      TEXT,
    language      TEXT,
    user_agent    TEXT,
    address       TEXT,
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at  TIMESTAMPTZ NOT NULL,
    revoked_at    TIMESTAMPTZ
);
CREATE INDEX devices_by_customer ON devices (customer_id, last_seen_at);
CREATE INDEX devices_by_age ON devices (last_seen_at);
CREATE UNIQUE INDEX devices_by_browser ON devices (customer_id, browser_id) WHERE browser_id IS NOT NULL;
CREATE UNIQUE INDEX devices_by_app ON devices (customer_id, client_id, app_device_id) WHERE app_device_id IS NOT NULL;

-- People signed in on the hosted pages.
CREATE TABLE browser_sessions (
    browser_session_id UUID PRIMARY KEY,
    customer_id        TEXT NOT NULL REFERENCES customers (customer_id),
    device_id          TEXT NOT NULL REFERENCES devices (device_id),
    global_epoch       BIGINT NOT NULL,
    subject_epoch      BIGINT NOT NULL,
    device_epoch       BIGINT NOT NULL,
    auth_at            TIMESTAMPTZ NOT NULL,
    last_seen_at       TIMESTAMPTZ NOT NULL,
    expires_at         TIMESTAMPTZ NOT NULL,
    ended_at           TIMESTAMPTZ,
    end_reason         TEXT
);
CREATE INDEX browser_sessions_by_customer ON browser_sessions (customer_id, ended_at);
CREATE INDEX browser_sessions_by_device ON browser_sessions (device_id);
CREATE INDEX browser_sessions_by_expiry ON browser_sessions (expires_at);

-- Sign-ins in progress. `request` is the proven authorization request as JSON text.
CREATE TABLE logins (
    login_id           UUID PRIMARY KEY,
    request            TEXT,
    global_epoch       BIGINT NOT NULL,
    client_epoch       BIGINT,
    browser_session_id UUID REFERENCES browser_sessions (browser_session_id),
    created_at         TIMESTAMPTZ NOT NULL,
    expires_at         TIMESTAMPTZ NOT NULL
);
CREATE INDEX logins_by_expiry ON logins (expires_at);
-- Looked at when a browser session is dropped.
CREATE INDEX logins_by_browser_session ON logins (browser_session_id) WHERE browser_session_id IS NOT NULL;

CREATE TABLE consents (
    consent_id   TEXT PRIMARY KEY,
    customer_id  TEXT NOT NULL REFERENCES customers (customer_id),
    client_id    TEXT NOT NULL REFERENCES clients (client_id),
    scope        TEXT NOT NULL,
    declined     TEXT NOT NULL,
    resources    TEXT NOT NULL,
    given_at     TIMESTAMPTZ NOT NULL,
    withdrawn_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX consents_by_customer ON consents (customer_id, client_id);

-- Issued codes, kept as long as the tokens they gave (`kept_until`), so that a late replay is recognised.
CREATE TABLE codes (
    session_id    UUID PRIMARY KEY,
    client_id     TEXT NOT NULL REFERENCES clients (client_id),
    redirect_uri  TEXT NOT NULL,
    challenge     TEXT NOT NULL,
    nonce         TEXT,
    scope         TEXT NOT NULL,
    resources     TEXT NOT NULL,
    customer_id   TEXT NOT NULL REFERENCES customers (customer_id),
    device_id     TEXT NOT NULL REFERENCES devices (device_id),
    consent_id    TEXT NOT NULL REFERENCES consents (consent_id),
    auth_at       TIMESTAMPTZ NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    kept_until    TIMESTAMPTZ NOT NULL,
    tries         BIGINT NOT NULL,
    redeemed_at   TIMESTAMPTZ,
    global_epoch  BIGINT NOT NULL,
    client_epoch  BIGINT NOT NULL,
    subject_epoch BIGINT NOT NULL,
    device_epoch  BIGINT NOT NULL,
    consent_epoch BIGINT NOT NULL
);
CREATE INDEX codes_by_client ON codes (client_id, challenge);
CREATE INDEX codes_by_kept_until ON codes (kept_until);
-- Looked at when a device is dropped.
CREATE INDEX codes_by_device ON codes (device_id);

-- What access and refresh tokens refer to. Constant size: no table of old tokens.
CREATE TABLE sessions (
    session_id        UUID PRIMARY KEY,
    client_id         TEXT NOT NULL REFERENCES clients (client_id),
    subject_id        TEXT NOT NULL REFERENCES subjects (subject_id),
    subject_kind      TEXT NOT NULL,
    device_id         TEXT REFERENCES devices (device_id),
    consent_id        TEXT REFERENCES consents (consent_id),
    scope             TEXT NOT NULL,
    resources         TEXT NOT NULL,
    shapes            TEXT NOT NULL,
    standing_key      TEXT,
    generation        BIGINT NOT NULL,
    rotated_at        TIMESTAMPTZ NOT NULL,
    rotated_address   TEXT,
    rotated_shape     BIGINT NOT NULL,
    access_expires_at TIMESTAMPTZ NOT NULL,
    auth_at           TIMESTAMPTZ,
    created_at        TIMESTAMPTZ NOT NULL,
    last_seen_at      TIMESTAMPTZ NOT NULL,
    expires_at        TIMESTAMPTZ NOT NULL,
    ended_at          TIMESTAMPTZ,
    end_reason        TEXT,
    global_epoch      BIGINT NOT NULL,
    client_epoch      BIGINT NOT NULL,
    subject_epoch     BIGINT NOT NULL,
    device_epoch      BIGINT,
    consent_epoch     BIGINT
);
CREATE INDEX sessions_by_subject ON sessions (subject_id, created_at);
CREATE INDEX sessions_by_device ON sessions (device_id) WHERE device_id IS NOT NULL;
CREATE INDEX sessions_live_by_device ON sessions (device_id, created_at) WHERE device_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX sessions_by_client ON sessions (client_id, created_at);
CREATE INDEX sessions_standing ON sessions (client_id, standing_key, created_at) WHERE standing_key IS NOT NULL;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
-- With `ended_at`, so that counting reads the index alone on both engines.
CREATE INDEX sessions_living ON sessions (global_epoch, expires_at, ended_at) WHERE ended_at IS NULL;

-- Access tokens taken back one by one, until they expire.
CREATE TABLE revoked_tokens (
    session_id UUID NOT NULL,
    serial     BIGINT NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (session_id, serial)
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

-- Everything that takes back or narrows, in the order of commits: a transaction takes the next number as its last
-- statement and holds the one row until it has committed. `trimmed`: entries up to there are gone. `timeline`: the last
-- one that every lease of an earlier one has surely run out on. `longest_ms`: the longest lease any node ever had.
CREATE TABLE feed_state (
    one        BIGINT PRIMARY KEY,
    counter    BIGINT NOT NULL,
    trimmed    BIGINT NOT NULL,
    timeline   TEXT NOT NULL,
    longest_ms BIGINT NOT NULL
);
INSERT INTO feed_state (one, counter, trimmed, timeline, longest_ms) VALUES (1, 0, 0, '', 0);
CREATE TABLE feed (
    number BIGINT NOT NULL,
    item   BIGINT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    epoch  BIGINT,
    level  TEXT,
    serial BIGINT,
    PRIMARY KEY (number, item)
);

-- Serving nodes that answer checks from memory. A new id for every registration; `value` is drawn anew by every renewal.
CREATE TABLE nodes (
    node_id    UUID PRIMARY KEY,
    lease_ms   BIGINT NOT NULL,
    value      UUID NOT NULL,
    applied    BIGINT NOT NULL,
    timeline   TEXT NOT NULL,
    protocol   BIGINT NOT NULL,
    renewed_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE incidents (
    incident_id     TEXT PRIMARY KEY,
    target_kind     TEXT NOT NULL,
    target_id       TEXT NOT NULL,
    customer_id     TEXT,
    opened_by       TEXT NOT NULL,
    reason          TEXT NOT NULL,
    note            TEXT,
    sessions_ended  BIGINT NOT NULL,
    devices         BIGINT NOT NULL,
    epoch           BIGINT NOT NULL,
    opened_at       TIMESTAMPTZ NOT NULL,
    -- The first proof, as it was read out. Whether it still holds is proven anew whenever somebody asks.
    confirmed_at    TIMESTAMPTZ,
    confirmed_in_ms BIGINT,
    nodes           BIGINT,
    durable         TEXT,
    swept_at        TIMESTAMPTZ,
    closed_at       TIMESTAMPTZ,
    closed_by       TEXT,
    close_reason    TEXT,
    close_note      TEXT,
    approved_by     TEXT
);
CREATE INDEX incidents_by_customer ON incidents (customer_id, opened_at) WHERE customer_id IS NOT NULL;
CREATE INDEX incidents_by_target ON incidents (target_kind, target_id, opened_at);
CREATE INDEX incidents_unswept ON incidents (opened_at) WHERE swept_at IS NULL;
-- One lockdown at a time: two agents at once get the same incident.
CREATE UNIQUE INDEX incidents_open ON incidents (target_id) WHERE target_kind = 'customer' AND closed_at IS NULL;
CREATE INDEX incidents_by_time ON incidents (opened_at, incident_id);
CREATE INDEX incidents_by_kind ON incidents (target_kind, opened_at);

-- Repeated requests: the key belongs to the caller, the digest to the body.
CREATE TABLE idempotency_keys (
    caller      TEXT NOT NULL,
    key         TEXT NOT NULL,
    digest      BYTEA NOT NULL,
    incident_id TEXT NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);

-- Consecutive failed sign-ins per account or known device. Unknown names have rows too: `key` is a keyed hash.
CREATE TABLE throttles (
    key           BYTEA PRIMARY KEY,
    subject_id    TEXT,
    failures      BIGINT NOT NULL,
    last_tried_at TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ
);
CREATE INDEX throttles_by_subject ON throttles (subject_id) WHERE subject_id IS NOT NULL;
CREATE INDEX throttles_unknown ON throttles (last_tried_at) WHERE subject_id IS NULL;
-- Without the counters that switched a password off: those stay until somebody sets a new one.
CREATE INDEX throttles_known ON throttles (last_tried_at) WHERE subject_id IS NOT NULL AND failures < 100;

-- How often things happened, minute by minute, for two days: what the console's first page shows.
CREATE TABLE tallies (
    name      TEXT NOT NULL,
    at_minute TIMESTAMPTZ NOT NULL,
    count     BIGINT NOT NULL,
    PRIMARY KEY (name, at_minute)
);
CREATE INDEX tallies_by_minute ON tallies (at_minute);

-- What devices were used for, minute by minute, for three days: the resource server that asked about a token, and the address
-- it told (empty: none). What somebody whose telephone was stolen asks for. Nothing refers to it and it refers to nothing.
CREATE TABLE device_activity (
    customer_id TEXT NOT NULL,
    at_minute   TIMESTAMPTZ NOT NULL,
    device_id   TEXT NOT NULL,
    checker_id  TEXT NOT NULL,
    address     TEXT NOT NULL,
    count       BIGINT NOT NULL,
    PRIMARY KEY (customer_id, at_minute, device_id, checker_id, address)
);
CREATE INDEX device_activity_by_minute ON device_activity (at_minute);

-- Jobs that one node does at a time: the first to find one due does it.
CREATE TABLE turns (
    job    TEXT PRIMARY KEY,
    due_at TIMESTAMPTZ NOT NULL
);

-- Who did what. Only ever added to.
CREATE TABLE audit (
    audit_id    UUID PRIMARY KEY,
    at          TIMESTAMPTZ NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT NOT NULL,
    action      TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    customer_id TEXT,
    reason      TEXT,
    address     TEXT,
    agent       TEXT,
    request_id  TEXT NOT NULL
);
CREATE INDEX audit_by_customer ON audit (customer_id, audit_id) WHERE customer_id IS NOT NULL;
CREATE INDEX audit_by_action ON audit (action, audit_id);
-- What a person did or what was done to them, without the routine of their apps; and which colleagues looked.
CREATE INDEX audit_events ON audit (customer_id, audit_id)
    WHERE customer_id IS NOT NULL AND action <> 'customer_read' AND action <> 'incident_read'
        AND (outcome <> 'done' OR (action <> 'refresh' AND action <> 'refresh_retry' AND action <> 'code_issue'));
CREATE INDEX audit_looks ON audit (customer_id, audit_id) WHERE action = 'customer_read';
