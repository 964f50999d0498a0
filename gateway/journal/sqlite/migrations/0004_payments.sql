-- When a transfer had first ended, if it was opened again since (see `Transfer.first_ended_at`).
ALTER TABLE transfers ADD COLUMN first_ended_at REAL;
