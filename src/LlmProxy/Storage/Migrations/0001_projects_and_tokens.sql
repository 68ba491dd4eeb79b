-- Hashes and sealed values are base64. Times are Unix milliseconds in UTC. Ids are UUIDv7 in their text form, so they sort by age.
-- A version grows with each change of management, so that what was read earlier never replaces what is newer.

CREATE TABLE projects (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL UNIQUE,
    sealed_key     TEXT    NOT NULL,
    key_last_four  TEXT    NOT NULL,
    is_active      INTEGER NOT NULL,
    deactivated_at INTEGER NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    version        INTEGER NOT NULL
);

CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    hash          TEXT    NOT NULL UNIQUE,
    project_id    TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    is_active     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    max_requests  INTEGER NULL,
    request_count INTEGER NOT NULL,
    last_used_at  INTEGER NULL,
    revoked_at    INTEGER NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL
);

CREATE INDEX tokens_of_project ON tokens (project_id, id);

-- What management changed, for the other instances on this database. Kept short by whoever adds to it.
CREATE TABLE changes (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind   TEXT    NOT NULL,
    id     TEXT    NOT NULL
);

-- Keys that the program makes for itself, sealed by the master key.
CREATE TABLE keys (
    name   TEXT NOT NULL PRIMARY KEY,
    sealed TEXT NOT NULL
);
