"""What a social security card case is. Pure: no clock, no randomness, no I/O, no Temporal client."""
