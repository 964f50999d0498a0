"""The heart: what the gateway does with money, call by call and until each transfer has ended.

`coordinator` takes the game's calls and hands them to `holds` (withdraw, deposit) and `ends` (confirm, rollback).
`states` is the table of what a call does in which state, `rules` what is written after each step: both are pure.
`delivery_loop` sends what falls due, each try made by `delivery_try`; `schedule` says when.
`unrecorded` writes what a call could not, `housekeeping` keeps leases, takes over orphans and prunes.
`context` is what all of them share; `single_flight` and `watch` let calls about one transfer wait for each other.
`sessions` and `balances` remember, `rollback_reasons` sorts and counts, `refusals` words every no.

No lock is held anywhere: each step is a compare-and-set in the journal, and whoever finds the row changed looks again.
docs/architecture.md follows one withdraw and one rollback through these files.
"""
