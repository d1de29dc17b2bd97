"""What is needed to run cardcase in production."""
