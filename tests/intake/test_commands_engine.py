"""The command line on the real engine, end to end. Everything is synthetic."""
