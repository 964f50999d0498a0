"""What every adapter does: named, graded behaviours (`registry`), by what they are about.

`transfers`: whole transfers and their money. `answers`: what each answer proves. `requests`: what is sent, and how
often. `reads`: sessions, balances and look-ups. `secrecy`: what must not come out.
"""

from gateway.testing.behaviours import answers, reads, requests, secrecy, transfers
from gateway.testing.behaviours.registry import BEHAVIOURS, Behaviour, Case, Grade

__all__ = ["BEHAVIOURS", "Behaviour", "Case", "Grade", "answers", "reads", "requests", "secrecy", "transfers"]
