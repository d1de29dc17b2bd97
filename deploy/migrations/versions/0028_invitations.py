"""Invitations that wait for their moment are found by the person, to be called off where the campaign date is moved."""

from deploy.migrations.script import run_script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
