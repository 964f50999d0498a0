-- readable from: 5
-- A player's transfers, newest first, and those whose player is not known, which have an empty one.
CREATE INDEX transfers_by_player ON transfers (player_id, opened_at);
