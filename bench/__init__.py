"""How fast the gateway is beside its alternatives, measured in one run on the same cores. `make bench` runs it.

`scenarios` are what is measured, `contestants` what is started for it, `load` the game and the operator. `measuring`
runs one game, `results` keeps the figures, `targets` are the bounds, `report` and `plots` show both. `cost` and
`instructions` count instead of timing.
"""
