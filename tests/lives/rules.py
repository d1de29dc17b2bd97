"""The rules that are asked of the register after each step, all with one query; each is written in SQL."""

import re
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
LEDGER: Final = (HERE / "ledger.sql").read_text(encoding="utf-8")


class Rules:
    """The rules of one file: `found` is a query for all of them, by persons and by what time it is."""

    def __init__(self, file: str) -> None:
        _, *parts = re.split(r"^-- name: (.+)$", (HERE / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
        self.queries: Final = {
            name: re.sub(r"^\s*--.*$", "", query, flags=re.MULTILINE).strip()
            for name, query in zip(parts[::2], parts[1::2], strict=True)
        }
        asked = (
            f"SELECT '{name}', to_jsonb(broken)::text FROM ({query}) AS broken"  # noqa: S608 - from a file beside this one
            for name, query in self.queries.items()
        )
        nothing = "SELECT NULL AS rule, NULL AS what WHERE $2::timestamptz IS NULL"
        self.found: Final = " UNION ALL ".join((nothing, *asked))


BROKEN: Final = Rules("rules.sql")
HANGING: Final = Rules("hanging.sql")
