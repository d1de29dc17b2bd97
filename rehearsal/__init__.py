"""A season rehearsed: a year's campaign played on the real engine in minutes, checked, and drawn.

Persons apply, fall silent, bring papers late, are put on hold, are forgotten, all from a seed; the engine under them is
the one that runs in production, on a real PostgreSQL and a real Temporal server whose time is skipped. An independent
checker (`check`) then reads what the register holds.
"""
