-- Every statement of the SQLite journal. A name in braces is filled in once, by `statements.py`: lists of columns, lists of
-- parameters, and conditions: {is_here} leaves out operators that have moved to another journal, in all that is listed or
-- counted. {where} alone is filled in at each call. `number` is the row id; where it is selected it comes first.

-- name: insert_transfer
INSERT INTO transfers ({transfer}) VALUES ({transfer_parameters})
ON CONFLICT (id, operator, direction) DO NOTHING

-- name: insert_attempt
INSERT INTO attempts (transfer, {attempt}) VALUES (?, {attempt_parameters})

-- name: insert_reason
INSERT INTO rollback_reasons (transfer, {reason}) VALUES (?, {reason_parameters})

-- name: count_reason
UPDATE rollback_reasons SET times = times + 1, last_at = ?
WHERE number = (SELECT max(number) FROM rollback_reasons WHERE transfer = ? AND text = ? AND source = ? AND who = ?)

-- name: reasons_between
-- The first and the last of a source's reasons between those that are kept; nothing where there are not at least two.
SELECT first, last FROM (
    SELECT
        (SELECT number FROM rollback_reasons WHERE transfer = ?1 AND source = ?2
            ORDER BY number LIMIT 1 OFFSET {first_kept}) AS first,
        (SELECT number FROM rollback_reasons WHERE transfer = ?1 AND source = ?2
            ORDER BY number DESC LIMIT 1 OFFSET {last_kept}) AS last
) WHERE first < last

-- name: fold_reasons
UPDATE rollback_reasons SET text = '{left_out}', category = '{other}', who = '', (times, last_at) = (
    SELECT sum(times), max(coalesce(last_at, at)) FROM rollback_reasons
    WHERE transfer = ?1 AND source = ?2 AND number BETWEEN ?3 AND ?4
)
WHERE number = ?3

-- name: delete_folded
DELETE FROM rollback_reasons WHERE transfer = ?1 AND source = ?2 AND number > ?3 AND number <= ?4

-- name: find_row_id
SELECT number FROM transfers WHERE {by_key}

-- name: find
SELECT {transfer} FROM transfers WHERE {by_key}

-- name: find_with_row_id
SELECT number, {transfer} FROM transfers WHERE {by_key}

-- The newest one, and one that was never sealed of a transfer that may still need it.
-- name: sessions_to_open
SELECT operator, session FROM (SELECT operator, session FROM transfers ORDER BY number DESC LIMIT 1)
UNION ALL
SELECT operator, session FROM (
    SELECT operator, session FROM transfers
    WHERE {is_unfinished} AND substr(session, 1, 1) = x'00' AND {is_here} LIMIT 1
)

-- name: change
-- Found by its row id. The key is compared as well, since a remembered row id may be that of another row by now.
-- It does not name the player: SQLite writes the entry of an index again for each column that a statement names.
UPDATE transfers SET {changed} WHERE number = ? AND revision = ? AND {by_key}

-- name: change_with_session
-- A player that is not given stays.
UPDATE transfers SET {changed}, player_id = coalesce(?, player_id), session = ?, spare_session = ?
WHERE number = ? AND revision = ? AND {by_key}

-- name: save_session
INSERT INTO sessions (digest, operator, player_id, session, seen_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (digest, operator) DO UPDATE
SET player_id = excluded.player_id, session = excluded.session, seen_at = excluded.seen_at

-- name: name_player
UPDATE transfers SET player_id = ? WHERE {by_key} AND player_id = ''

-- name: find_session
SELECT player_id, session, seen_at FROM sessions WHERE digest = ? AND operator = ?

-- name: due
-- One range of the index for each state: SQLite merges them in their order and sorts nothing (docs/decisions/012-sqlite-schema.md).
SELECT number, {transfer} FROM transfers
WHERE operator = ?1 AND state = 'sending' AND {is_unfinished} AND due_at <= ?2 AND {is_for} ?4
UNION ALL
SELECT number, {transfer} FROM transfers
WHERE operator = ?1 AND state = 'confirming' AND {is_unfinished} AND due_at <= ?2 AND {is_for} ?4
UNION ALL
SELECT number, {transfer} FROM transfers
WHERE operator = ?1 AND state = 'rolling_back' AND {is_unfinished} AND due_at <= ?2 AND {is_for} ?4
ORDER BY due_at LIMIT ?3

-- name: claim
UPDATE transfers SET owner = ?, due_at = ?, revision = revision + 1 WHERE number = ?

-- name: next_due
SELECT min(due_at) FROM (
    SELECT min(due_at) AS due_at FROM transfers
    WHERE operator = ?1 AND state = 'sending' AND {is_unfinished} AND {is_for} ?2
    UNION ALL
    SELECT min(due_at) FROM transfers WHERE operator = ?1 AND state = 'confirming' AND {is_unfinished} AND {is_for} ?2
    UNION ALL
    SELECT min(due_at) FROM transfers WHERE operator = ?1 AND state = 'rolling_back' AND {is_unfinished} AND {is_for} ?2
)

-- name: renew_lease
INSERT INTO instances (id, started_at, lease_until, version, configuration) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET lease_until = excluded.lease_until, version = excluded.version, configuration = excluded.configuration

-- name: last_lease
SELECT max(lease_until) FROM instances

-- name: instances
SELECT id, started_at, lease_until, version, configuration FROM instances ORDER BY started_at, id

-- Without what a journal of an earlier version does not have: this is asked before it is migrated.
-- name: leases
SELECT id, started_at, lease_until FROM instances ORDER BY id

-- name: moved_operators
SELECT operator, journal, at, arriving FROM moved_operators ORDER BY operator

-- name: mark_moved
INSERT OR REPLACE INTO moved_operators (operator, journal, at, arriving) VALUES (?, ?, ?, ?)

-- name: unmark_moved
DELETE FROM moved_operators WHERE operator = ?

-- name: ended_leases
SELECT id FROM instances WHERE lease_until < ?

-- name: release_orphans
-- The rows are found in the index alone, before any of them is changed.
UPDATE transfers SET owner = NULL, due_at = min(due_at, changed_at)
WHERE number IN (
    SELECT number FROM transfers WHERE {is_unfinished} AND {is_claimable} AND due_at IS NOT NULL AND owner = ?
)

-- name: delete_instance
DELETE FROM instances WHERE id = ?

-- name: prunable
SELECT number FROM transfers WHERE {is_final} AND changed_at < ? ORDER BY changed_at LIMIT ?

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

-- Transfers are numbered in the order in which they come and pruned from the oldest on: no need to count them all.
-- name: estimate_rows
SELECT coalesce((SELECT max(number) FROM transfers) - (SELECT min(number) FROM transfers) + 1, 0),
    (SELECT count(*) FROM sessions)

-- name: count_rows
SELECT (SELECT count(*) FROM transfers WHERE operator = coalesce(?1, operator)),
    (SELECT count(*) FROM sessions WHERE operator = coalesce(?1, operator))

-- name: operators
SELECT operator FROM transfers UNION SELECT operator FROM sessions ORDER BY operator

-- name: first_transfers
SELECT number, {transfer} FROM transfers WHERE operator = coalesce(?, operator)
ORDER BY id, operator, direction LIMIT ?

-- name: next_transfers
SELECT number, {transfer} FROM transfers
WHERE operator = coalesce(?, operator) AND (id, operator, direction) > (?, ?, ?)
ORDER BY id, operator, direction LIMIT ?

-- name: first_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions WHERE operator = coalesce(?, operator)
ORDER BY digest, operator LIMIT ?

-- name: next_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions
WHERE operator = coalesce(?, operator) AND (digest, operator) > (?, ?)
ORDER BY digest, operator LIMIT ?

-- name: attempts
SELECT {attempt} FROM attempts WHERE transfer = ? ORDER BY number

-- name: reasons
SELECT {reason} FROM rollback_reasons WHERE transfer = ? ORDER BY number

-- name: count_unfinished
SELECT operator, state,
    count(*) FILTER (WHERE direction = 'withdraw'),
    min(opened_at) FILTER (WHERE direction = 'withdraw'),
    count(*) FILTER (WHERE direction = 'withdraw' AND opened_at < ?1),
    count(*) FILTER (WHERE direction = 'deposit'),
    min(opened_at) FILTER (WHERE direction = 'deposit'),
    count(*) FILTER (WHERE direction = 'deposit' AND opened_at < ?1),
    count(*) FILTER (WHERE direction = 'payment'),
    min(opened_at) FILTER (WHERE direction = 'payment'),
    count(*) FILTER (WHERE direction = 'payment' AND opened_at < ?1)
FROM transfers WHERE {is_unfinished} AND {is_here} GROUP BY operator, state

-- The index is named, since without statistics the planner would rather read and sort everything.
-- name: list_transfers
SELECT {transfer} FROM transfers INDEXED BY {index} WHERE {where} AND {is_here}
ORDER BY opened_at DESC, id DESC, operator DESC, direction DESC LIMIT ?

-- name: list_unfinished
SELECT {transfer} FROM transfers INDEXED BY transfers_unfinished WHERE {where} AND {is_unfinished} AND {is_here}
ORDER BY opened_at DESC, id DESC, operator DESC, direction DESC LIMIT ?

-- name: count_transfers
SELECT count(*) FROM transfers WHERE {where} AND {is_here}

-- name: count_those_unfinished
SELECT count(*) FROM transfers INDEXED BY transfers_unfinished WHERE {where} AND {is_unfinished} AND {is_here}

-- name: list_reasons
-- {tables} are joined by CROSS JOIN, which keeps the order of the loops: reasons first, newest to oldest, so that a page
-- ends early; for a player that one's transfers first.
SELECT id, operator, direction, rollback_reasons.number, {reason} FROM {tables} WHERE {where} AND {is_here}
ORDER BY at DESC, id DESC, operator DESC, direction DESC, rollback_reasons.number DESC LIMIT ?

-- name: count_listed_reasons
SELECT count(*) FROM {tables} WHERE {where} AND {is_here}

-- name: count_reasons
SELECT operator, source, category, sum(times) FROM {tables} WHERE {where} AND {is_here}
GROUP BY operator, source, category ORDER BY operator, source, category
