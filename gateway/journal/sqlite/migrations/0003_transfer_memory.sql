-- What the operator gave with its receipts (see `Transfer.memory`): a JSON object of texts, NULL where it is empty.
-- It is not sealed: people see it, and it holds no secret.
ALTER TABLE transfers ADD COLUMN memory TEXT;
