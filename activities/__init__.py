"""Effects: what cases do to the register and to other systems."""
