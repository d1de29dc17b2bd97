"""The third kind, entered where kinds are known, for the length of a test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.registry.schema import SCHEMA
from cases.kinds import KINDS, add
from deploy.migrations import HERE
from intake.applications import APPLICATIONS
from runtime.stories import STORIES
from tests.third.application import NameChangeApplication
from tests.third.record import NAME_CHANGE, RECORD
from tests.third.story import NameChange

MIGRATION = Path(__file__).parent / "migration" / "9000_name_change.sql"

_REVISION = f'''"""A third kind."""

from deploy.migrations.script import run_script

revision = "9000"
down_revision = "{SCHEMA}"


def upgrade() -> None:
    run_script(__file__)
'''


@contextmanager
def entered() -> Iterator[None]:
    """The record among the records, the story among the stories, the application among the applications."""
    add(RECORD)
    STORIES[NAME_CHANGE] = NameChange
    APPLICATIONS[NAME_CHANGE] = NameChangeApplication
    try:
        yield
    finally:
        del KINDS[NAME_CHANGE], STORIES[NAME_CHANGE], APPLICATIONS[NAME_CHANGE]


def migrations(folder: Path) -> Path:
    """The migrations of this release and, after them, that of the third kind."""
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9000_name_change.py").write_text(_REVISION)
    shutil.copy(MIGRATION, folder / "versions")
    return folder
