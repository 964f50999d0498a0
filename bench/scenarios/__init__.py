"""The scenarios: each measures some of the targets, on contestants and journals of its own."""
