"""Settings of the desk: what it may not be without, what it may not be given, and addresses that are two."""

import os
from pathlib import Path

import pytest

from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing
from desk.settings import DeskSettings
from runtime.settings import ConfigurationInvalid, read_settings
from tests.worker_process import sample_trust_file

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens there


@pytest.fixture(autouse=True)
def temporal_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal's own configuration comes from the process; here it says nothing."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture
def usable(tmp_path: Path) -> dict[str, str]:
    """Settings with which a desk starts."""
    ring = tmp_path / "keys.toml"
    KeyRing.generate(ring)
    return {
        "CARDCASE_DATABASE_URL": "postgresql://cardcase:of-a-test@127.0.0.1:5432/cardcase",
        "CARDCASE_KEY_FILE": str(ring),
        "CARDCASE_GATE_URL": "https://gate.example.invalid",
        "CARDCASE_IDENTITY_ISSUER": "https://id.example.invalid",
        "CARDCASE_IDENTITY_KEYS": "https://id.example.invalid/jwks",
        "CARDCASE_PROFILE": "local",
    }


def wrong_in(environment: dict[str, str]) -> set[str]:
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(DeskSettings, environment)
    return {problem.name.removeprefix("CARDCASE_") for problem in invalid.value.problems}


def test_what_it_cannot_do_without_is_missed_by_name(usable: dict[str, str]) -> None:
    assert read_settings(DeskSettings, usable).public_url() == "http://127.0.0.1:8239"
    missed = {"DATABASE_URL", "KEY_FILE", "GATE_URL", "IDENTITY_ISSUER", "IDENTITY_KEYS"}
    assert wrong_in({"CARDCASE_PROFILE": "local"}) == missed


def test_a_desk_that_is_given_the_stamping_key_does_not_start(usable: dict[str, str], tmp_path: Path) -> None:
    key = sample_trust_file(tmp_path).with_suffix(".private")
    assert wrong_in(usable | {"CARDCASE_STAMP_KEY_FILE": str(key)}) == {"STAMP_KEY_FILE"}


def test_documents_do_not_come_from_the_desks_own_address(usable: dict[str, str]) -> None:
    one = {"CARDCASE_DESK_URL": "https://desk.example", "CARDCASE_DOCUMENTS_URL": "https://desk.example"}
    assert wrong_in(usable | one) == {"DOCUMENTS_URL"}


def test_production_asks_for_tls_and_lets_no_document_lie_in_a_folder(usable: dict[str, str], tmp_path: Path) -> None:
    DirectoryKeys.begin(tmp_path / "persons")
    production = usable | {"CARDCASE_PROFILE": "production", "CARDCASE_PERSON_KEYS": str(tmp_path / "persons")}
    assert read_settings(DeskSettings, production).public_documents_url() == "http://127.0.0.1:8240"
    assert wrong_in(production | {"CARDCASE_DESK_HOST": EVERYWHERE}) == {"DESK_URL", "DOCUMENTS_URL"}
    assert wrong_in(production | {"CARDCASE_DESK_URL": "http://desk.example:8239"}) == {"DESK_URL"}
    assert wrong_in(production | {"CARDCASE_DOCUMENTS_FOLDER": str(tmp_path)}) == {"DOCUMENTS_FOLDER"}
