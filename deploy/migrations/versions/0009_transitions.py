"""The register decides: a transition is one call of a function; the audit covers commitments, not contents."""

from deploy.migrations.script import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL files that have this revision's number."""
    run_script(__file__)
