"""Settings of the desk: the keys to show a case, the register, the gate, and where browsers reach its two addresses."""

from collections.abc import Iterator

from gate.settings import LoginSettings, fault_of_origin
from runtime.settings import PREFIX, Problem, Profile, Settings


class DeskSettings(LoginSettings):
    """What the desk cannot do without."""

    gate_url: str

    def public_url(self) -> str:
        """Where browsers reach the desk."""
        return self.desk_url or f"http://{self.desk_host}:{self.desk_port}"

    def public_documents_url(self) -> str:
        """Where browsers get documents."""
        return self.documents_url or f"http://{self.desk_host}:{self.documents_port}"

    @classmethod
    def around(cls, known: Settings) -> Iterator[Problem]:
        """The same, that both addresses can be reached safely, and that they are two."""
        yield from super().around(known)
        yield from fault_of_origin(known, "DESK_URL", known.desk_url, known.desk_host)
        yield from fault_of_origin(known, "DOCUMENTS_URL", known.documents_url, known.desk_host)
        if known.documents_url is not None and known.documents_url == known.desk_url:
            what = "is that of the desk, where what somebody handed in must not be shown"
            yield Problem(f"{PREFIX}DOCUMENTS_URL", what, "Give documents a host, or a port, of their own")
        if known.documents_folder is not None:
            name = f"{PREFIX}DOCUMENTS_FOLDER"
            if known.profile is Profile.production:
                # Nothing erases there what has to go.
                yield Problem(name, "is for a laptop: nothing is erased there", "Unset it")
            elif not known.documents_folder.is_dir():
                yield Problem(name, "names no folder", "Make it, readable by its owner alone")
        if known.stamp_key_file is not None:
            yield Problem(f"{PREFIX}STAMP_KEY_FILE", "is the gate's alone", "Unset it")
