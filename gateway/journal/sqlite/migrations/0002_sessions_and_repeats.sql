-- Another session of the same player that may still work, sealed as `session` is; NULL where there is none.
ALTER TABLE transfers ADD COLUMN spare_session BLOB;

-- Whose session a try was made with, and which of the transfer's sessions (see `Attempt`).
ALTER TABLE attempts ADD COLUMN player TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN session TEXT NOT NULL DEFAULT '';

-- How often a reason was given: first at `at`, last at `last_at` where that is more than once.
ALTER TABLE rollback_reasons ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE rollback_reasons ADD COLUMN last_at REAL;
