"""A transition of a case is one call of a function, which does its effects as well."""

from deploy.migrations.script import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL files that have this revision's number."""
    run_script(__file__)
