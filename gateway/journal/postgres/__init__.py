"""The journal in a PostgreSQL database, for any number of gateways on any number of machines.

`journal` puts it together: `batch_writer` sends batches, which `batch_encoding` turns into the arguments of the SQL
function `journal_write`; `reads` answers reads; both use the connections of `pool`. The function and the tables are in
the folder migrations, which `schema` applies; what reads is in reads.sql, which `statements` and `filters` fill in.
`errors` are the server's errors as the journal's. `rights` and `advice` say what of the role and the server looks
like a mistake.
"""
