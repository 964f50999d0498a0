-- Which version of the program an instance runs, and the hash of its configuration: `mm-gateway status` compares them.
-- readable from: 6
ALTER TABLE instances ADD COLUMN version text, ADD COLUMN configuration text;

-- The function is replaced for what it does with `beats`; its parameters, its answer type and all else stay.

-- Applies a batch of writes in one transaction and one round trip. Each argument is an array of objects, or null when
-- the batch has none of that kind; bytes in it are base64.
--
-- The caller sends every array in the order of its keys, and no key twice among opens, changes and notes: so every batch
-- takes its locks in the same order, and no two batches wait for each other. What claims, releases or prunes skips locked
-- rows instead of waiting for them.
--
-- An open that inserted its row is not answered by itself; the answer at place -1 counts them. `xmin` shows which rows
-- this very transaction has written.
--
-- The planner's settings pin the one good plan, an index lookup per write, whatever the statistics of an empty or a
-- freshly restored table would suggest.
CREATE OR REPLACE FUNCTION journal_write(
    lock_timeout text,
    opens json,
    changes json,
    attempts json,
    reasons json,
    notes json,
    sessions json,
    beats json,
    inherits json,
    claims json,
    prunes json,
    checks json
) RETURNS SETOF journal_answer
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    answer  journal_answer;
    made    integer;
    found_n integer;
    first_n bigint;
    last_n  bigint;
    dead    text[];
    one     record;
BEGIN
    PERFORM set_config('lock_timeout', lock_timeout, true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    IF opens IS NOT NULL THEN
        -- statement: open
        INSERT INTO transfers (
            id, operator, direction, state, amount, currency, description, player_id, session, fingerprint, adopted,
            fate, wants, tries, missing_at, revision, owner, due_at, opened_at, decided_at, changed_at,
            hold_balance, hold_currency, end_balance, end_currency, rollback_reason, spare_session, memory,
            first_ended_at
        )
        SELECT
            id, operator, direction, state, amount, currency, description, player_id, decode(session, 'base64'),
            fingerprint, adopted, fate, wants, tries, missing_at, revision, owner, due_at, opened_at, decided_at,
            changed_at, hold_balance, hold_currency, end_balance, end_currency, rollback_reason,
            decode(spare_session, 'base64'), memory, first_ended_at
        FROM json_to_recordset(opens) AS given (
            id text, operator text, direction text, state text, amount text, currency text, description text,
            player_id text, session text, fingerprint text, adopted boolean, fate text, wants text, tries integer,
            missing_at double precision, revision integer, owner text, due_at double precision,
            opened_at double precision, decided_at double precision, changed_at double precision,
            hold_balance text, hold_currency text, end_balance text, end_currency text,
            rollback_reason text, spare_session text, memory text, first_ended_at double precision
        )
        ON CONFLICT (id, operator, direction) DO NOTHING;
        GET DIAGNOSTICS made = ROW_COUNT;
        IF made < json_array_length(opens) THEN
            -- statement: taken
            RETURN QUERY
            SELECT
                given.place, 0, t.id, t.operator, t.direction, t.state, t.amount, t.currency, t.description,
                t.player_id, t.session, t.fingerprint, t.adopted, t.fate, t.wants, t.tries, t.missing_at, t.revision,
                t.owner, t.due_at, t.opened_at, t.decided_at, t.changed_at, t.hold_balance, t.hold_currency,
                t.end_balance, t.end_currency, t.rollback_reason, t.spare_session, t.memory, t.first_ended_at
            FROM json_to_recordset(opens) AS given (place integer, id text, operator text, direction text)
            JOIN transfers t ON t.id = given.id AND t.operator = given.operator AND t.direction = given.direction
            WHERE t.xmin IS NULL OR t.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid;
            GET DIAGNOSTICS found_n = ROW_COUNT;
            IF made + found_n <> json_array_length(opens) THEN
                RAISE EXCEPTION 'a transfer was pruned while its id was used again' USING ERRCODE = '40001';
            END IF;
        END IF;
        answer.place := -1;
        answer.outcome := made;
        RETURN NEXT answer;
    END IF;

    IF changes IS NOT NULL THEN
        -- statement: change
        -- A session or memory that is not given stays. The memory '{}' is a given one that is empty.
        RETURN QUERY
        UPDATE transfers t SET
            state = given.state,
            changed_at = given.at,
            due_at = given.due_at,
            owner = given.owner,
            tries = given.tries,
            wants = given.wants,
            revision = t.revision + 1,
            decided_at = coalesce(given.decided_at, t.decided_at),
            fate = coalesce(given.fate, t.fate),
            missing_at = coalesce(given.missing_at, t.missing_at),
            hold_balance = coalesce(given.hold_balance, t.hold_balance),
            hold_currency = coalesce(given.hold_currency, t.hold_currency),
            end_balance = coalesce(given.end_balance, t.end_balance),
            end_currency = coalesce(given.end_currency, t.end_currency),
            rollback_reason = coalesce(t.rollback_reason, given.rollback_reason),
            player_id = coalesce(given.player_id, t.player_id),
            session = coalesce(decode(given.session, 'base64'), t.session),
            spare_session = CASE
                WHEN given.session IS NULL THEN t.spare_session
                ELSE decode(given.spare_session, 'base64')
            END,
            memory = nullif(coalesce(given.memory, t.memory), '{}'),
            first_ended_at = coalesce(
                t.first_ended_at, CASE WHEN t.state IN ('confirmed', 'rolled_back') THEN t.changed_at END
            )
        FROM json_to_recordset(changes) AS given (
            place integer, id text, operator text, direction text, allowed text[], state text, at double precision,
            fence integer, amount text, currency text, due_at double precision, owner text, tries integer, wants text,
            decided_at double precision, fate text, missing_at double precision, hold_balance text,
            hold_currency text, end_balance text, end_currency text, rollback_reason text, player_id text, session text,
            spare_session text, memory text
        )
        WHERE t.id = given.id AND t.operator = given.operator AND t.direction = given.direction
            AND t.state = ANY (given.allowed)
            AND (given.fence IS NULL OR given.fence = t.revision)
            AND (given.amount IS NULL OR (given.amount = t.amount AND given.currency = t.currency))
        RETURNING
            given.place, 1, t.id, t.operator, t.direction, t.state, t.amount, t.currency, t.description, t.player_id,
            t.session, t.fingerprint, t.adopted, t.fate, t.wants, t.tries, t.missing_at, t.revision, t.owner, t.due_at,
            t.opened_at, t.decided_at, t.changed_at, t.hold_balance, t.hold_currency, t.end_balance, t.end_currency,
            t.rollback_reason, t.spare_session, t.memory, t.first_ended_at;
        GET DIAGNOSTICS made = ROW_COUNT;
        IF made < json_array_length(changes) THEN
            -- statement: unmoved
            RETURN QUERY
            SELECT
                given.place, 0, t.id, t.operator, t.direction, t.state, t.amount, t.currency, t.description,
                t.player_id, t.session, t.fingerprint, t.adopted, t.fate, t.wants, t.tries, t.missing_at, t.revision,
                t.owner, t.due_at, t.opened_at, t.decided_at, t.changed_at, t.hold_balance, t.hold_currency,
                t.end_balance, t.end_currency, t.rollback_reason, t.spare_session, t.memory, t.first_ended_at
            FROM json_to_recordset(changes) AS given (place integer, id text, operator text, direction text)
            LEFT JOIN transfers t ON t.id = given.id AND t.operator = given.operator AND t.direction = given.direction
            WHERE t.xmin IS NULL OR t.xmin IS DISTINCT FROM pg_current_xact_id_if_assigned()::xid;
        END IF;
    END IF;

    IF attempts IS NOT NULL THEN
        -- statement: attempt
        INSERT INTO attempts (transfer, call, at, took_s, verdict, kind, detail, instance, player, session)
        SELECT
            t.number, given.call, given.at, given.took_s, given.verdict, given.kind, given.detail, given.instance,
            given.player, given.session
        FROM json_to_recordset(attempts) AS given (
            id text, operator text, direction text, in_any_case boolean, call text, at double precision,
            took_s double precision, verdict text, kind text, detail text, instance text, player text, session text
        )
        JOIN transfers t ON t.id = given.id AND t.operator = given.operator AND t.direction = given.direction
        WHERE given.in_any_case OR t.xmin = pg_current_xact_id_if_assigned()::xid;
    END IF;

    IF reasons IS NOT NULL THEN
        -- statement: reason
        INSERT INTO rollback_reasons (
            id, operator, direction, text, folded, source, category, at, who, times, last_at
        )
        SELECT
            t.id, t.operator, t.direction, given.text, given.folded, given.source, given.category, given.at, given.who,
            given.times, given.last_at
        FROM json_to_recordset(reasons) AS given (
            id text, operator text, direction text, text text, folded text, source text, category text,
            at double precision, who text, times integer, last_at double precision
        )
        JOIN transfers t ON t.id = given.id AND t.operator = given.operator AND t.direction = given.direction
        WHERE t.xmin = pg_current_xact_id_if_assigned()::xid;
    END IF;

    -- Note by note, in the order of their keys, so that two batches wait for each other at one transfer at most: one that
    -- counts a reason locks nothing else of it, and what folds reasons locks them from the first to the last. The transfer
    -- itself is not locked: a batch that holds other transfers by then could wait for one that waits for it.
    FOR one IN
        SELECT * FROM json_to_recordset(notes) AS given (
            id text, operator text, direction text, text text, folded text, source text, category text,
            at double precision, who text
        )
    LOOP
        -- statement: note again
        UPDATE rollback_reasons SET times = times + 1, last_at = one.at
        WHERE id = one.id AND operator = one.operator AND direction = one.direction AND number = (
            SELECT max(number) FROM rollback_reasons
            WHERE id = one.id AND operator = one.operator AND direction = one.direction
                AND text = one.text AND source = one.source AND who = one.who
        );
        CONTINUE WHEN FOUND;
        -- statement: note
        INSERT INTO rollback_reasons (id, operator, direction, text, folded, source, category, at, who)
        SELECT id, operator, direction, one.text, one.folded, one.source, one.category, one.at, one.who FROM transfers
        WHERE id = one.id AND operator = one.operator AND direction = one.direction;
        -- The first and the last of the source's reasons between those that are kept: the first 8 and the last 8.
        -- statement: between
        SELECT
            (
                SELECT number FROM rollback_reasons
                WHERE id = one.id AND operator = one.operator AND direction = one.direction AND source = one.source
                ORDER BY number LIMIT 1 OFFSET 8
            ),
            (
                SELECT number FROM rollback_reasons
                WHERE id = one.id AND operator = one.operator AND direction = one.direction AND source = one.source
                ORDER BY number DESC LIMIT 1 OFFSET 8
            )
        INTO first_n, last_n;
        CONTINUE WHEN first_n IS NULL OR first_n >= last_n;
        -- statement: fold
        WITH deleted AS (
            DELETE FROM rollback_reasons
            WHERE id = one.id AND operator = one.operator AND direction = one.direction AND source = one.source
                AND number > first_n AND number <= last_n
            RETURNING times, coalesce(last_at, at) AS last_at
        ), summed AS (
            SELECT sum(times) AS times, max(last_at) AS last_at FROM deleted
        )
        UPDATE rollback_reasons r SET
            text = '(more reasons, which are counted and not kept)',
            folded = '(more reasons, which are counted and not kept)',
            category = 'other',
            who = '',
            times = r.times + summed.times,
            last_at = greatest(r.last_at, r.at, summed.last_at)
        FROM summed
        WHERE r.id = one.id AND r.operator = one.operator AND r.direction = one.direction AND r.number = first_n
            AND summed.times IS NOT NULL;
    END LOOP;

    IF sessions IS NOT NULL THEN
        -- statement: remember
        INSERT INTO sessions (digest, operator, player_id, session, seen_at)
        SELECT decode(digest, 'base64'), operator, player_id, decode(session, 'base64'), seen_at
        FROM json_to_recordset(sessions) AS given (
            digest text, operator text, player_id text, session text, seen_at double precision
        )
        ON CONFLICT (digest, operator) DO UPDATE
        SET player_id = excluded.player_id, session = excluded.session, seen_at = excluded.seen_at;
    END IF;

    IF beats IS NOT NULL THEN
        INSERT INTO instances (id, started_at, lease_until, version, configuration)
        SELECT id, started_at, lease_until, version, configuration
        FROM json_to_recordset(beats) AS given (
            id text, started_at double precision, lease_until double precision, version text, configuration text
        )
        ON CONFLICT (id) DO UPDATE SET
            lease_until = excluded.lease_until, version = excluded.version, configuration = excluded.configuration;
    END IF;

    FOR one IN SELECT * FROM json_to_recordset(inherits) AS given (place integer, now double precision) LOOP
        WITH gone AS (
            DELETE FROM instances WHERE id IN (
                SELECT id FROM instances WHERE lease_until < one.now FOR UPDATE SKIP LOCKED
            )
            RETURNING id
        )
        SELECT array_agg(id) INTO dead FROM gone;
        answer.place := one.place;
        answer.outcome := 0;
        IF dead IS NOT NULL THEN
            -- statement: inherit
            WITH owned AS (
                SELECT id, operator, direction FROM transfers
                WHERE state IN ('sending', 'confirming', 'rolling_back') AND due_at IS NOT NULL AND owner = ANY (dead)
                FOR UPDATE SKIP LOCKED
            )
            UPDATE transfers t SET owner = NULL, due_at = least(t.due_at, t.changed_at)
            FROM owned
            WHERE t.id = owned.id AND t.operator = owned.operator AND t.direction = owned.direction;
            GET DIAGNOSTICS made = ROW_COUNT;
            answer.outcome := made;
        END IF;
        RETURN NEXT answer;
    END LOOP;

    FOR one IN
        SELECT * FROM json_to_recordset(claims) AS given (
            place integer, operator text, owner text, now double precision, lease_until double precision,
            "limit" integer, recipient text
        )
    LOOP
        -- statement: claim
        RETURN QUERY
        WITH due AS MATERIALIZED (
            SELECT id, operator, direction, due_at FROM transfers
            WHERE operator = one.operator AND due_at <= one.now AND state IN ('sending', 'confirming', 'rolling_back')
                AND CASE direction WHEN 'payment' THEN 'game' ELSE 'operator' END = one.recipient
            ORDER BY due_at LIMIT one."limit"
            FOR UPDATE SKIP LOCKED
        )
        UPDATE transfers t SET owner = one.owner, due_at = one.lease_until, revision = t.revision + 1
        FROM due
        WHERE t.id = due.id AND t.operator = due.operator AND t.direction = due.direction
        RETURNING
            one.place, 1, t.id, t.operator, t.direction, t.state, t.amount, t.currency, t.description, t.player_id,
            t.session, t.fingerprint, t.adopted, t.fate, t.wants, t.tries, t.missing_at, t.revision, t.owner, t.due_at,
            t.opened_at, t.decided_at, t.changed_at, t.hold_balance, t.hold_currency, t.end_balance, t.end_currency,
            t.rollback_reason, t.spare_session, t.memory, t.first_ended_at;
    END LOOP;

    FOR one IN
        SELECT * FROM json_to_recordset(prunes) AS given (
            place integer, before double precision, "limit" integer
        )
    LOOP
        -- statement: prune
        WITH old AS MATERIALIZED (
            SELECT id, operator, direction, number FROM transfers
            WHERE state IN ('confirmed', 'rolled_back') AND changed_at < one.before
            ORDER BY changed_at LIMIT one."limit"
            FOR UPDATE SKIP LOCKED
        ), tried AS (
            DELETE FROM attempts USING old WHERE attempts.transfer = old.number
        ), reasoned AS (
            DELETE FROM rollback_reasons r USING old
            WHERE r.id = old.id AND r.operator = old.operator AND r.direction = old.direction
        )
        DELETE FROM transfers t USING old
        WHERE t.id = old.id AND t.operator = old.operator AND t.direction = old.direction;
        GET DIAGNOSTICS made = ROW_COUNT;
        -- statement: prune sessions
        WITH old AS MATERIALIZED (
            SELECT digest, operator FROM sessions WHERE seen_at < one.before
            ORDER BY seen_at LIMIT one."limit"
            FOR UPDATE SKIP LOCKED
        )
        DELETE FROM sessions s USING old WHERE s.digest = old.digest AND s.operator = old.operator;
        GET DIAGNOSTICS found_n = ROW_COUNT;
        answer.place := one.place;
        answer.outcome := made + found_n;
        RETURN NEXT answer;
    END LOOP;

    IF checks IS NOT NULL THEN
        -- Goes into the write-ahead log and nowhere else.
        PERFORM pg_logical_emit_message(true, 'mm-gateway', 'check');
    END IF;
END
$$;
