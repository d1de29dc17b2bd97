"""Synthetic registers as agencies export them, the base extract behind them, and how each row must end."""
