"""Whether the images of a deployment are named by their digests: a tag may be another image tomorrow.

    python -m deploy.pinned [FILE]

FILE is the environment of `deploy/compose.yaml` (deploy/.env). Each tag that has no digest is named, with the command
that asks a registry or a mirror for it; where the profile is not `local` the exit status is 78 then. Compare what is
answered with what whoever publishes the image says, and write it behind the tag: TAG@sha256:….
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

EXIT_CONFIGURATION: Final = 78
ENVIRONMENT: Final = Path(__file__).with_name(".env")
COMPOSE: Final = Path(__file__).with_name("compose.yaml")

_TAG: Final = re.compile(r"\$\{(\w+_TAG):-([^}]+)\}")
_IMAGE: Final = re.compile(r"image: ([\w./-]+):\$\{(\w+_TAG):")
_BASE: Final = {"PYTHON_TAG": "python"}
"""What the image of ours is made from."""
_PINNED: Final = re.compile(r"[\w.-]{1,128}@sha256:[0-9a-f]{64}")


def read_environment(text: str) -> dict[str, str]:
    """Variables of an environment file; a comment, an empty line and whatever else is none."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, equals, value in pairs if equals}


def unpinned(compose: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Images that no digest names, by the variable of their tag."""
    images = _BASE | {variable: image for image, variable in _IMAGE.findall(compose)}
    tags = {variable: environment.get(variable) or tag for variable, tag in _TAG.findall(compose)}
    return {
        variable: f"{images[variable]}:{tag}" for variable, tag in sorted(tags.items()) if not _PINNED.fullmatch(tag)
    }


def main(arguments: list[str]) -> int:
    """Answers the exit status."""
    file = Path(arguments[0]) if arguments else ENVIRONMENT
    environment = read_environment(file.read_text(encoding="utf-8")) if file.exists() else {}
    open_ones = unpinned(COMPOSE.read_text(encoding="utf-8"), environment)
    for variable, image in open_ones.items():
        sys.stdout.write(f"{variable}: docker buildx imagetools inspect {image} --format '{{{{.Manifest.Digest}}}}'\n")
    is_local = environment.get("CARDCASE_PROFILE") == "local"
    return EXIT_CONFIGURATION if open_ones and not is_local else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
