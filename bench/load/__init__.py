"""Both ends of a measurement, on one core: the game that calls, and the operator that answers.

They talk to sockets by themselves, so that a call costs this core a fraction of what it costs the contestant's.
"""
