-- What was used, summed up by minute, hour and day (UTC; start is Unix milliseconds) and by who used what. Money is in
-- micro-dollars. The three tables hold the same exchanges and are kept for different times. A model of '' was not named; 'other'
-- stands for names beyond the bound. Rows go with their project; token_id is no reference, for a token's usage outlives it.

CREATE TABLE usage_minutes (
    start                   INTEGER NOT NULL,
    project_id              TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    token_id                TEXT    NOT NULL,
    provider                TEXT    NOT NULL,
    model                   TEXT    NOT NULL,
    requests                INTEGER NOT NULL,
    refused                 INTEGER NOT NULL,
    errors                  INTEGER NOT NULL,
    prompt_tokens           INTEGER NOT NULL,
    completion_tokens       INTEGER NOT NULL,
    cached_tokens           INTEGER NOT NULL,
    cache_written_tokens    INTEGER NOT NULL,
    reasoning_tokens        INTEGER NOT NULL,
    audio_prompt_tokens     INTEGER NOT NULL,
    audio_completion_tokens INTEGER NOT NULL,
    cost                    INTEGER NOT NULL,
    unpriced                INTEGER NOT NULL,
    counted                 INTEGER NOT NULL,
    unmeasured              INTEGER NOT NULL,
    PRIMARY KEY (start, project_id, token_id, provider, model)
) WITHOUT ROWID;

CREATE TABLE usage_hours (
    start                   INTEGER NOT NULL,
    project_id              TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    token_id                TEXT    NOT NULL,
    provider                TEXT    NOT NULL,
    model                   TEXT    NOT NULL,
    requests                INTEGER NOT NULL,
    refused                 INTEGER NOT NULL,
    errors                  INTEGER NOT NULL,
    prompt_tokens           INTEGER NOT NULL,
    completion_tokens       INTEGER NOT NULL,
    cached_tokens           INTEGER NOT NULL,
    cache_written_tokens    INTEGER NOT NULL,
    reasoning_tokens        INTEGER NOT NULL,
    audio_prompt_tokens     INTEGER NOT NULL,
    audio_completion_tokens INTEGER NOT NULL,
    cost                    INTEGER NOT NULL,
    unpriced                INTEGER NOT NULL,
    counted                 INTEGER NOT NULL,
    unmeasured              INTEGER NOT NULL,
    PRIMARY KEY (start, project_id, token_id, provider, model)
) WITHOUT ROWID;

CREATE TABLE usage_days (
    start                   INTEGER NOT NULL,
    project_id              TEXT    NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    token_id                TEXT    NOT NULL,
    provider                TEXT    NOT NULL,
    model                   TEXT    NOT NULL,
    requests                INTEGER NOT NULL,
    refused                 INTEGER NOT NULL,
    errors                  INTEGER NOT NULL,
    prompt_tokens           INTEGER NOT NULL,
    completion_tokens       INTEGER NOT NULL,
    cached_tokens           INTEGER NOT NULL,
    cache_written_tokens    INTEGER NOT NULL,
    reasoning_tokens        INTEGER NOT NULL,
    audio_prompt_tokens     INTEGER NOT NULL,
    audio_completion_tokens INTEGER NOT NULL,
    cost                    INTEGER NOT NULL,
    unpriced                INTEGER NOT NULL,
    counted                 INTEGER NOT NULL,
    unmeasured              INTEGER NOT NULL,
    PRIMARY KEY (start, project_id, token_id, provider, model)
) WITHOUT ROWID;

-- Deleting a project must find its rows.
CREATE INDEX usage_minutes_of_project ON usage_minutes (project_id);
CREATE INDEX usage_hours_of_project ON usage_hours (project_id);
CREATE INDEX usage_days_of_project ON usage_days (project_id);

-- The last batch that each running program has added, so that one whose answer was lost is not added twice.
CREATE TABLE usage_batches (
    writer     TEXT    NOT NULL PRIMARY KEY,
    number     INTEGER NOT NULL,
    written_at INTEGER NOT NULL
);
