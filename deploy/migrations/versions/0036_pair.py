"""Register and Temporal know each other: a process that starts notices where they do not fit."""

from deploy.migrations.script import run_script

revision = "0036"
down_revision = "0035"
suits = "0036"  # the first that a release stands on; from here on revisions only add, or say so


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_script(__file__)
