"""Stamps on decisions: who decided is signed, used once, of a role that may, for the own region."""

from deploy.migrations.script import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
