"""Transitions are made by a function of the register; its audit covers commitments instead of contents."""

from deploy.migrations.script import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL files of this revision."""
    run_script(__file__)
