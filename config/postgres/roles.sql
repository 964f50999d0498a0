-- The journal's database with two roles. For a superuser, with psql, once: docs/deploy/several.md says how.
--
-- gateway_owner owns the tables: `mm-gateway migrate` runs as this role. gateway serves: it reads and writes rows, and can
-- change no table and no function. Whatever a migration makes is given to it by the default privileges.

CREATE ROLE gateway_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
CREATE ROLE gateway LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

CREATE DATABASE gateway OWNER gateway_owner;
REVOKE ALL ON DATABASE gateway FROM PUBLIC;
GRANT CONNECT ON DATABASE gateway TO gateway;

\connect gateway

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO gateway;

ALTER DEFAULT PRIVILEGES FOR ROLE gateway_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE gateway_owner IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE gateway_owner IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO gateway;
