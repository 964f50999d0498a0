-- Operators whose transfers here are not the true ones (see `MovedOperator`): they have moved to another journal, or a
-- copy of them from there is arriving. What is counted and listed leaves their rows out.
CREATE TABLE moved_operators (
    operator text COLLATE "C" PRIMARY KEY,
    journal  text NOT NULL,
    at       double precision NOT NULL,
    arriving boolean NOT NULL
);
