"""Answers to requests that are over are written down."""

from deploy.migrations.script import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
