-- Which version of the program an instance runs, and the hash of its configuration: `mm-gateway status` compares them.
-- readable from: 5
ALTER TABLE instances ADD COLUMN version TEXT;
ALTER TABLE instances ADD COLUMN configuration TEXT;
