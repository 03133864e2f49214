-- The same tables, columns and keys as in migrations/postgres; a test compares them.

CREATE TABLE accounts (
    id            BLOB    NOT NULL PRIMARY KEY,
    username      TEXT    NOT NULL UNIQUE,
    display_name  TEXT    NOT NULL,
    avatar_url    TEXT    NOT NULL,
    lang_tag      TEXT    NOT NULL,
    location      TEXT    NOT NULL,
    timezone      TEXT    NOT NULL,
    metadata      TEXT    NOT NULL,
    password_hash TEXT,
    generation    INTEGER NOT NULL,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    verify_time   INTEGER,
    ban_since     INTEGER,
    ban_until     INTEGER,
    ban_reason    TEXT,
    ban_by        TEXT
) STRICT;
CREATE INDEX accounts_banned ON accounts (username) WHERE ban_since IS NOT NULL;

-- The owner of objects that belong to nobody. It is in no list and cannot be found.
INSERT INTO accounts (id, username, display_name, avatar_url, lang_tag, location, timezone, metadata, generation, create_time, update_time)
VALUES (x'00000000000000000000000000000000', '', '', '', '', '', '', '{}', 0, 0, 0);

CREATE TABLE identities (
    kind       TEXT NOT NULL,
    value      TEXT NOT NULL,
    account_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, value)
) STRICT;
CREATE INDEX identities_account ON identities (account_id, kind, value);
CREATE UNIQUE INDEX identities_once ON identities (account_id, kind) WHERE kind <> 'device';

CREATE TABLE tombstones (
    account_id BLOB    NOT NULL PRIMARY KEY,
    time       INTEGER NOT NULL,
    actor      TEXT    NOT NULL
) STRICT;

CREATE TABLE sessions (
    id          BLOB    NOT NULL PRIMARY KEY,
    account_id  BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    current     BLOB    NOT NULL,
    previous    BLOB,
    rotate_time INTEGER NOT NULL,
    vars        TEXT    NOT NULL,
    origin      TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    expires     INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_account ON sessions (account_id, update_time, id);
CREATE INDEX sessions_expires ON sessions (expires, id);

CREATE TABLE resets (
    account_id BLOB    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    token      BLOB    NOT NULL UNIQUE,
    expires    INTEGER NOT NULL
) STRICT;
CREATE INDEX resets_expires ON resets (expires, account_id);

CREATE TABLE objects (
    account_id       BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    collection       TEXT    NOT NULL,
    key              TEXT    NOT NULL,
    value            TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    read_permission  INTEGER NOT NULL,
    write_permission INTEGER NOT NULL,
    create_time      INTEGER NOT NULL,
    update_time      INTEGER NOT NULL,
    PRIMARY KEY (account_id, collection, key)
) STRICT;
CREATE INDEX objects_list ON objects (collection, read_permission, key, account_id);

CREATE TABLE wallets (
    account_id BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    amount     INTEGER NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (account_id, name)
) STRICT;

CREATE TABLE ledger (
    number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id          BLOB    NOT NULL UNIQUE,
    account_id  BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    changeset   TEXT    NOT NULL,
    metadata    TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_account ON ledger (account_id, number);

CREATE TABLE outbox (
    number      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    topic       TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    payload     BLOB    NOT NULL,
    time        INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    taken_until INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_topic ON outbox (topic, number);
CREATE INDEX outbox_key ON outbox (topic, key, number);

CREATE TABLE audit (
    number  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    time    INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    address TEXT    NOT NULL,
    detail  TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit (actor, number);
CREATE INDEX audit_action ON audit (action, number);
CREATE INDEX audit_subject ON audit (subject, number);

CREATE TABLE operators (
    name          TEXT    NOT NULL PRIMARY KEY,
    role          INTEGER NOT NULL,
    password_hash TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    generation    INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
