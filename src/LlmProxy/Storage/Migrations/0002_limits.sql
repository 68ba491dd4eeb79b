-- Limits: null is none. Money is in micro-dollars. Lists are a line each. What was spent is advanced in the store before it is
-- spent, a lease at a time, as request_count always was.

ALTER TABLE tokens ADD COLUMN requests_per_minute INTEGER NULL;
ALTER TABLE tokens ADD COLUMN max_concurrent      INTEGER NULL;
ALTER TABLE tokens ADD COLUMN max_tokens          INTEGER NULL;
ALTER TABLE tokens ADD COLUMN tokens_per_minute   INTEGER NULL;
ALTER TABLE tokens ADD COLUMN max_cost            INTEGER NULL;
ALTER TABLE tokens ADD COLUMN allowed_models      TEXT    NULL;
ALTER TABLE tokens ADD COLUMN allowed_endpoints   TEXT    NULL;
ALTER TABLE tokens ADD COLUMN allowed_origins     TEXT    NULL;
ALTER TABLE tokens ADD COLUMN token_count         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tokens ADD COLUMN cost                INTEGER NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN expires_at          INTEGER NULL;
ALTER TABLE projects ADD COLUMN max_requests        INTEGER NULL;
ALTER TABLE projects ADD COLUMN requests_per_minute INTEGER NULL;
ALTER TABLE projects ADD COLUMN max_concurrent      INTEGER NULL;
ALTER TABLE projects ADD COLUMN max_tokens          INTEGER NULL;
ALTER TABLE projects ADD COLUMN tokens_per_minute   INTEGER NULL;
ALTER TABLE projects ADD COLUMN max_cost            INTEGER NULL;
ALTER TABLE projects ADD COLUMN allowed_models      TEXT    NULL;
ALTER TABLE projects ADD COLUMN allowed_endpoints   TEXT    NULL;
ALTER TABLE projects ADD COLUMN allowed_origins     TEXT    NULL;
ALTER TABLE projects ADD COLUMN request_count       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN token_count         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN cost                INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN last_used_at        INTEGER NULL;

-- What its tokens have used before is a project's use too.
UPDATE projects SET
    request_count = (SELECT COALESCE(SUM(request_count), 0) FROM tokens WHERE project_id = projects.id),
    last_used_at = (SELECT MAX(last_used_at) FROM tokens WHERE project_id = projects.id);
