"""Prints what is wrong with the lives of cases, under the packs of this release or those of a folder."""

import sys
from pathlib import Path

from cases.liveness.checks import violations
from cases.liveness.exploring import Graph
from cases.liveness.worlds import worlds
from cases.policy import PACKS, load


def main() -> int:
    """Print each violation with the shortest way to it; 1 where there is one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKS
    found = 0
    for world in worlds(load(path) for path in sorted(folder.glob("*.toml"))):
        graph = Graph(world)
        sys.stdout.write(f"{world.kind.value}, {world.name}: {len(graph.nodes)} states\n")
        for violation in violations(graph):
            found += 1
            sys.stdout.write(f"  {violation.name}\n    {' > '.join(violation.way)}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
