"""The journal in a SQLite file, for one gateway on one machine.

`opening` goes from settings to an open journal, `lock` keeps a second gateway away. `journal` puts it together:
`threads` keep SQLite off the event loop, `store` writes and `reads` reads, synchronously, over the connections of
`connection`. Their SQL is in statements.sql and the folder migrations; `statements` and `filters` fill it in.
"""
