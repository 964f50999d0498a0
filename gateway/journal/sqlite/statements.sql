-- Every statement of the SQLite journal. A dollar name stands for what `statements.py` fills in once (lists of columns, and
-- conditions written exactly as in the partial indexes, which is how SQLite knows that it may use those); a name in braces for
-- what a call fills in.

-- name: insert_transfer
INSERT INTO transfers ($transfer) VALUES ($transfer_marks)
ON CONFLICT (id, operator, direction) DO NOTHING

-- name: add_attempt
INSERT INTO attempts (transfer, $attempt) VALUES (?, $attempt_marks)

-- name: add_reason
INSERT INTO rollback_reasons (transfer, $reason) VALUES (?, $reason_marks)

-- name: count_reason
UPDATE rollback_reasons SET times = times + 1, last_at = ?
WHERE number = (SELECT max(number) FROM rollback_reasons WHERE transfer = ? AND text = ? AND source = ? AND who = ?)

-- name: number
SELECT number FROM transfers WHERE $by_key

-- name: find
SELECT $transfer FROM transfers WHERE $by_key

-- name: find_numbered
SELECT number, $transfer FROM transfers WHERE $by_key

-- name: newest_session
SELECT operator, session FROM transfers ORDER BY number DESC LIMIT 1

-- name: change
UPDATE transfers SET
    state = ?, changed_at = ?, due_at = ?, owner = ?, tries = ?, wants = ?, revision = ?, decided_at = ?, fate = ?,
    missing_at = ?, hold_balance = ?, hold_currency = ?, end_balance = ?, end_currency = ?, rollback_reason = ?,
    player_id = coalesce(?, player_id), session = coalesce(?, session),
    spare_session = CASE WHEN ? THEN ? ELSE spare_session END
WHERE number = ? AND revision = ? AND $by_key

-- name: remember
INSERT INTO sessions (digest, operator, player_id, session, seen_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest, operator) DO UPDATE
SET player_id = excluded.player_id, session = excluded.session, seen_at = excluded.seen_at

-- name: session
SELECT player_id, session, seen_at FROM sessions WHERE digest = ? AND operator = ?

-- name: due
SELECT number, $transfer FROM transfers
WHERE operator = ?1 AND state = 'sending' AND $is_unfinished AND due_at <= ?2
UNION ALL
SELECT number, $transfer FROM transfers
WHERE operator = ?1 AND state = 'confirming' AND $is_unfinished AND due_at <= ?2
UNION ALL
SELECT number, $transfer FROM transfers
WHERE operator = ?1 AND state = 'rolling_back' AND $is_unfinished AND due_at <= ?2
ORDER BY due_at LIMIT ?3

-- name: take
UPDATE transfers SET owner = ?, due_at = ?, revision = revision + 1 WHERE number = ?

-- name: next_due
SELECT min(due_at) FROM (
    SELECT min(due_at) AS due_at FROM transfers WHERE operator = ?1 AND state = 'sending' AND $is_unfinished
    UNION ALL
    SELECT min(due_at) FROM transfers WHERE operator = ?1 AND state = 'confirming' AND $is_unfinished
    UNION ALL
    SELECT min(due_at) FROM transfers WHERE operator = ?1 AND state = 'rolling_back' AND $is_unfinished
)

-- name: beat
INSERT INTO instances (id, started_at, lease_until) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until

-- name: dead
SELECT id FROM instances WHERE lease_until < ?

-- name: disown
UPDATE transfers SET owner = NULL, due_at = min(due_at, changed_at)
WHERE number IN (SELECT number FROM transfers WHERE $is_unfinished AND $is_claimable AND owner = ?)

-- name: forget
DELETE FROM instances WHERE id = ?

-- name: prunable
SELECT number FROM transfers WHERE $is_final AND changed_at < ? ORDER BY changed_at LIMIT ?

-- name: prune_attempts
DELETE FROM attempts WHERE transfer = ?

-- name: prune_reasons
DELETE FROM rollback_reasons WHERE transfer = ?

-- name: prune_transfer
DELETE FROM transfers WHERE number = ?

-- name: prunable_sessions
SELECT digest, operator FROM sessions WHERE seen_at < ? ORDER BY seen_at LIMIT ?

-- name: prune_session
DELETE FROM sessions WHERE digest = ? AND operator = ?

-- name: extent
SELECT (SELECT count(*) FROM transfers), (SELECT count(*) FROM sessions)

-- name: first_transfers
SELECT number, $transfer FROM transfers ORDER BY id, operator, direction LIMIT ?

-- name: next_transfers
SELECT number, $transfer FROM transfers WHERE (id, operator, direction) > (?, ?, ?)
ORDER BY id, operator, direction LIMIT ?

-- name: first_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions ORDER BY digest, operator LIMIT ?

-- name: next_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions WHERE (digest, operator) > (?, ?)
ORDER BY digest, operator LIMIT ?

-- name: attempts
SELECT $attempt FROM attempts WHERE transfer = ? ORDER BY number

-- name: reasons
SELECT $reason FROM rollback_reasons WHERE transfer = ? ORDER BY number

-- name: tallies
SELECT operator, state,
    count(*) FILTER (WHERE direction = 'withdraw'),
    min(opened_at) FILTER (WHERE direction = 'withdraw'),
    count(*) FILTER (WHERE direction = 'withdraw' AND opened_at < ?1),
    count(*) FILTER (WHERE direction = 'deposit'),
    min(opened_at) FILTER (WHERE direction = 'deposit'),
    count(*) FILTER (WHERE direction = 'deposit' AND opened_at < ?1)
FROM transfers WHERE $is_unfinished GROUP BY operator, state

-- name: list_transfers
SELECT $transfer FROM transfers WHERE {where}
ORDER BY opened_at DESC, number DESC LIMIT ? OFFSET ?

-- name: list_unfinished
SELECT $transfer FROM transfers INDEXED BY transfers_unfinished WHERE {where} AND $is_unfinished
ORDER BY opened_at DESC, number DESC LIMIT ? OFFSET ?

-- name: list_reasons
SELECT id, operator, direction, $reason FROM rollback_reasons
CROSS JOIN transfers ON transfers.number = rollback_reasons.transfer WHERE {where}
ORDER BY at DESC, rollback_reasons.number DESC LIMIT ? OFFSET ?

-- name: total_reasons
SELECT operator, source, category, sum(times) FROM rollback_reasons
CROSS JOIN transfers ON transfers.number = rollback_reasons.transfer WHERE {where}
GROUP BY operator, source, category ORDER BY operator, source, category
