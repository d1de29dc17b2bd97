"""A reference of eight digits for each case, and where, when and by which phone an office is reached."""

from deploy.migrations.script import run_script

revision = "0048"
down_revision = "0047"
suits = "0037"  # what is added is filled in by itself, or empty


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
