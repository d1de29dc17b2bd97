"""The desk: who has which case in hand, in which order cases wait, and a role of its own."""

from deploy.migrations.script import run_script

revision = "0043"
down_revision = "0042"
suits = "0037"  # it only adds


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
