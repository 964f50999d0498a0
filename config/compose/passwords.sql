-- After ../postgres/roles.sql: the passwords of both roles, from the secrets that the gateways read, too. The superuser has none
-- any more, so that nobody gets in as it but on the server's own socket.

\set owner_password `cat /run/secrets/journal_owner_password`
\set password `cat /run/secrets/journal_password`

ALTER ROLE gateway_owner PASSWORD :'owner_password';
ALTER ROLE gateway PASSWORD :'password';
ALTER ROLE postgres PASSWORD NULL;
