"""The state machine of each kind of case, as data."""
