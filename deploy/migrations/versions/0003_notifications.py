"""Notifications, their deliveries and receipts, and the offices and posts that are told."""

from deploy.migrations.script import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
