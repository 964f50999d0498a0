"""How fast the gateway is beside its alternatives, measured in one run on the same cores. `make bench` runs it."""
