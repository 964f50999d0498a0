-- readable from: 6
-- transaction: none
DROP INDEX CONCURRENTLY IF EXISTS transfers_by_player;
-- A player's transfers, newest first, and those whose player is not known, which have an empty one.
CREATE INDEX CONCURRENTLY transfers_by_player ON transfers (player_id, opened_at);
