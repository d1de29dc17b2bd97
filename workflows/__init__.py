"""Deterministic orchestration: one file per kind of case, whose `run` is the story of such a case."""
