"""The gateway and what one would use instead, each started by the module that bears its name here."""
