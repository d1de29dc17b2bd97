"""Heads: the newest links of all chains, published where nobody who writes to the register can write."""
