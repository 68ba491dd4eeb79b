-- Whether a token may be answered from the cache, and how often that happened. Answers from the cache are no requests of
-- request_count: they cost nothing.

ALTER TABLE tokens ADD COLUMN use_cache       INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tokens ADD COLUMN cache_hit_count INTEGER NOT NULL DEFAULT 0;

ALTER TABLE projects ADD COLUMN cache_hit_count INTEGER NOT NULL DEFAULT 0;
