"""The shared journal: PostgreSQL, for any number of gateways on any number of machines."""
