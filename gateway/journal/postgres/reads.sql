-- Every statement that reads the PostgreSQL journal, and one that writes beside the batches. {transfer}, {attempt} and {reason} are filled in once, by `statements.py`:
-- lists of columns. {is_here} leaves out operators that have moved to another journal: in all that is listed or counted. {where}, {player} and {limit} are filled in at each call. `number` is the row id; where it is selected it comes first.
-- What reads unfinished transfers repeats the condition of their partial index, so that the planner may use it
-- (PostgreSQL manual, section 11.8 "Partial Indexes"; tests/integration/journal/postgres/test_plans.py).

-- name: find
SELECT {transfer} FROM transfers WHERE id = $1 AND operator = $2 AND direction = $3

-- name: find_with_row_id
SELECT number, {transfer} FROM transfers WHERE id = $1 AND operator = $2 AND direction = $3

-- name: attempts
SELECT transfer, {attempt} FROM attempts WHERE transfer = ANY ($1::bigint[]) ORDER BY transfer, number

-- name: reasons
SELECT id, operator, direction, {reason}
FROM rollback_reasons JOIN unnest($1::text[], $2::text[], $3::text[]) AS keys (id, operator, direction)
    USING (id, operator, direction)
ORDER BY number

-- The newest one, and one that was never sealed of a transfer that may still need it.
-- name: sessions_to_open
(SELECT operator, session FROM transfers ORDER BY opened_at DESC LIMIT 1)
UNION ALL
(SELECT operator, session FROM transfers
WHERE state IN ('sending', 'held', 'confirming', 'rolling_back', 'parked') AND substring(session FOR 1) = '\x00'::bytea
    AND {is_here}
LIMIT 1)

-- The version of its tables, how many rows its statistics say there are (-1 before the first ANALYZE), the size of all tables and indexes, its clock.
-- name: measure
SELECT (SELECT max(number) FROM journal_migrations),
    greatest((SELECT reltuples FROM pg_class WHERE oid = 'transfers'::regclass), 0)::bigint,
    greatest((SELECT reltuples FROM pg_class WHERE oid = 'sessions'::regclass), 0)::bigint,
    (SELECT sum(pg_total_relation_size(name::regclass))
        FROM unnest(ARRAY['transfers', 'attempts', 'rollback_reasons', 'sessions', 'instances']) AS name)::bigint,
    extract(epoch FROM clock_timestamp())::double precision

-- name: count_rows
SELECT (SELECT count(*) FROM transfers WHERE operator = coalesce($1, operator)),
    (SELECT count(*) FROM sessions WHERE operator = coalesce($1, operator))

-- name: operators
SELECT operator FROM transfers UNION SELECT operator FROM sessions ORDER BY operator

-- name: first_transfers
SELECT number, {transfer} FROM transfers WHERE operator = coalesce($1, operator) ORDER BY id, operator, direction LIMIT $2

-- name: next_transfers
SELECT number, {transfer} FROM transfers
WHERE operator = coalesce($1, operator) AND (id, operator, direction) > ($2, $3, $4)
ORDER BY id, operator, direction LIMIT $5

-- name: first_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions WHERE operator = coalesce($1, operator)
ORDER BY digest, operator LIMIT $2

-- name: next_sessions
SELECT digest, operator, player_id, session, seen_at FROM sessions
WHERE operator = coalesce($1, operator) AND (digest, operator) > ($2, $3)
ORDER BY digest, operator LIMIT $4

-- name: find_session
SELECT player_id, session, seen_at FROM sessions WHERE digest = $1 AND operator = $2

-- The one that writes: for nobody who waits, and so beside the batches.
-- name: name_player
UPDATE transfers SET player_id = $4 WHERE id = $1 AND operator = $2 AND direction = $3 AND player_id = ''

-- name: next_due
SELECT due_at FROM transfers
WHERE operator = $1 AND due_at IS NOT NULL AND state IN ('sending', 'confirming', 'rolling_back')
    AND CASE direction WHEN 'payment' THEN 'game' ELSE 'operator' END = $2
ORDER BY due_at LIMIT 1

-- name: last_lease
SELECT max(lease_until) FROM instances

-- name: instances
SELECT id, started_at, lease_until, version, configuration FROM instances ORDER BY started_at, id

-- Without what a journal of an earlier version does not have: this is asked before it is migrated.
-- name: leases
SELECT id, started_at, lease_until FROM instances ORDER BY id

-- name: now
SELECT extract(epoch FROM clock_timestamp())::double precision

-- name: moved_operators
SELECT operator, journal, at, arriving FROM moved_operators ORDER BY operator

-- name: count_unfinished
SELECT operator, direction, state, count(*), min(opened_at), count(*) FILTER (WHERE opened_at < $1) FROM transfers
WHERE state IN ('sending', 'held', 'confirming', 'rolling_back', 'parked') AND {is_here}
GROUP BY operator, direction, state

-- name: list_transfers
SELECT {transfer} FROM transfers WHERE {where} AND {is_here}
ORDER BY {player}opened_at DESC, id DESC, operator DESC, direction DESC LIMIT {limit}

-- name: list_unfinished
SELECT {transfer} FROM transfers
WHERE {where} AND state IN ('sending', 'held', 'confirming', 'rolling_back', 'parked') AND {is_here}
ORDER BY {player}opened_at DESC, id DESC, operator DESC, direction DESC LIMIT {limit}

-- name: count_transfers
SELECT count(*) FROM transfers WHERE {where} AND {is_here}

-- name: count_those_unfinished
SELECT count(*) FROM transfers
WHERE {where} AND state IN ('sending', 'held', 'confirming', 'rolling_back', 'parked') AND {is_here}

-- name: list_reasons
SELECT id, operator, direction, number, {reason} FROM rollback_reasons WHERE {where} AND {is_here}
ORDER BY at DESC, id DESC, operator DESC, direction DESC, number DESC LIMIT {limit}

-- name: count_listed_reasons
SELECT count(*) FROM rollback_reasons WHERE {where} AND {is_here}

-- name: count_reasons
SELECT operator, source, category, sum(times) FROM rollback_reasons WHERE {where} AND {is_here}
GROUP BY operator, source, category ORDER BY operator, source, category
