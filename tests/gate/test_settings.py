"""Settings of the gate: what it may not be without, and what of that which they name cannot be used."""

import os
from pathlib import Path

import pytest

from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing
from gate.settings import GateSettings, IdentitySettings
from gate.stamp_keys import SigningKey
from intake.commands.acting import checked_actor
from runtime.settings import ConfigurationInvalid, Problem, Settings, read_settings
from tests.worker_process import sample_trust_file

PLANTED = "hunter2-planted"
LOCAL = {"CARDCASE_PROFILE": "local"}
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens there


@pytest.fixture(autouse=True)
def temporal_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal's own configuration comes from the process; here it says nothing."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture
def usable(tmp_path: Path) -> dict[str, str]:
    """Settings with which a gate starts."""
    ring = tmp_path / "keys.toml"
    KeyRing.generate(ring)
    return {
        "CARDCASE_DATABASE_URL": f"postgresql://cardcase:{PLANTED}@127.0.0.1:5432/cardcase",
        "CARDCASE_KEY_FILE": str(ring),
        "CARDCASE_STAMP_KEY_FILE": str(sample_trust_file(tmp_path).with_suffix(".private")),
        "CARDCASE_IDENTITY_ISSUER": "https://id.example.invalid",
        "CARDCASE_IDENTITY_KEYS": "https://id.example.invalid/jwks",
        "CARDCASE_UI_ORIGINS": "https://ui.example.invalid",
        **LOCAL,
    }


def sealed_for_persons(folder: Path) -> dict[str, str]:
    """What production needs beside the rest."""
    DirectoryKeys.begin(folder / "persons")
    return {"CARDCASE_PROFILE": "production", "CARDCASE_PERSON_KEYS": str(folder / "persons")}


def problem_of(environment: dict[str, str], form: type[Settings] = GateSettings, **changed: object) -> Problem:
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(form, environment | {f"CARDCASE_{name}": str(value) for name, value in changed.items()})
    assert PLANTED not in str(invalid.value)
    (problem,) = invalid.value.problems
    return problem


def test_what_a_gate_cannot_do_without_is_missed_by_name(usable: dict[str, str]) -> None:
    assert read_settings(GateSettings, usable).public_url() == "http://127.0.0.1:8235"
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(GateSettings, {})
    assert {problem.name for problem in invalid.value.problems} == set(usable) - set(LOCAL)
    assert {problem.what for problem in invalid.value.problems} == {"is not set"}


def test_a_stamping_key_that_cannot_be_used_is_told(usable: dict[str, str], tmp_path: Path) -> None:
    open_to_others = tmp_path / "open.json"
    open_to_others.write_bytes(Path(usable["CARDCASE_STAMP_KEY_FILE"]).read_bytes())
    open_to_others.chmod(0o640)
    planted = tmp_path / "planted.json"
    planted.write_text(f'{{"keys": "{PLANTED}"}}')
    for path, what in (
        (sample_trust_file(tmp_path), "not a JWK set with one Ed25519 key"),
        (planted, "not a JWK set with one Ed25519 key"),
        (open_to_others, "readable by others; run chmod 600"),
    ):
        problem = problem_of(usable, STAMP_KEY_FILE=path)
        assert (problem.name, problem.what) == ("CARDCASE_STAMP_KEY_FILE", what)


@pytest.mark.parametrize("form", [GateSettings, IdentitySettings])
def test_keys_of_the_provider_that_cannot_be_used_are_told(
    usable: dict[str, str], form: type[Settings], tmp_path: Path
) -> None:
    planted = tmp_path / "planted.json"
    planted.write_text(f'{{"keys": "{PLANTED}"}}')
    for path, what in ((tmp_path / "none", "not readable"), (planted, "not a JWK set")):
        problem = problem_of(usable, form, IDENTITY_KEYS=path)
        assert (problem.name, problem.what) == ("CARDCASE_IDENTITY_KEYS", what)


async def test_a_command_that_checks_identities_is_told_of_them_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARDCASE_IDENTITY_KEYS", str(tmp_path / "none"))
    with pytest.raises(ConfigurationInvalid) as invalid:
        await checked_actor()
    assert [problem.name for problem in invalid.value.problems] == ["CARDCASE_IDENTITY_KEYS"]


def test_production_refuses_to_stamp_by_the_published_sample_key(usable: dict[str, str], tmp_path: Path) -> None:
    problem = problem_of(usable | sealed_for_persons(tmp_path))
    assert (problem.name, "sample key" in problem.what) == ("CARDCASE_STAMP_KEY_FILE", True)


@pytest.mark.parametrize(
    ("name", "origin", "what"),
    [
        ("UI_ORIGINS", "https://ui.example.invalid/", "is no origin"),
        ("UI_ORIGINS", "ui.example.invalid", "is no origin"),
        ("CODEC_URL", f"https://u:{PLANTED}@codec.example.invalid", "is no origin"),
        ("CODEC_URL", "https://codec.example.invalid:0", "is no origin"),
        ("CODEC_URL", "https://codec.example.invalid:port", "is no origin"),
    ],
)
def test_addresses_that_are_no_origins_are_refused(usable: dict[str, str], name: str, origin: str, what: str) -> None:
    problem = problem_of(usable, GateSettings, **{name: origin})
    assert (problem.name, problem.what) == (f"CARDCASE_{name}", what)


@pytest.mark.parametrize(
    "keys", ["http://id.example.invalid/jwks", "ftp://id.example.invalid", "https://u:p@id.invalid"]
)
def test_keys_that_somebody_on_the_way_could_change_are_refused(usable: dict[str, str], keys: str) -> None:
    problem = problem_of(usable, IDENTITY_KEYS=keys)
    assert (problem.name, problem.what) == ("CARDCASE_IDENTITY_KEYS", "has no TLS")


def test_one_audience_for_both_services_is_refused(usable: dict[str, str]) -> None:
    problem = problem_of(usable, INTAKE_AUDIENCE="cardcase")
    assert (problem.name, problem.what) == ("CARDCASE_INTAKE_AUDIENCE", "is that of the gate")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"CODEC_HOST": EVERYWHERE}, "is not set"),
        ({"CODEC_HOST": "10.0.0.7"}, "is not set"),
        ({"CODEC_URL": "http://codec.example.invalid"}, "has no TLS"),
        ({"CODEC_URL": "http://127.0.0.1.example.invalid"}, "has no TLS"),
    ],
    ids=str,
)
def test_a_gate_that_is_reached_from_elsewhere_is_reached_over_tls(
    usable: dict[str, str], said: dict[str, str], what: str, tmp_path: Path
) -> None:
    SigningKey.generate().write(tmp_path / "gate.json", tmp_path / "public.json")
    usable |= sealed_for_persons(tmp_path) | {"CARDCASE_STAMP_KEY_FILE": str(tmp_path / "gate.json")}
    problem = problem_of(usable, GateSettings, **said)
    assert (problem.name, problem.what.startswith(what)) == ("CARDCASE_CODEC_URL", True)
    behind = {"CARDCASE_CODEC_HOST": EVERYWHERE, "CARDCASE_CODEC_URL": "https://codec.example.invalid"}
    assert read_settings(GateSettings, usable | behind).public_url() == "https://codec.example.invalid"


def test_a_login_secret_that_others_can_read_is_refused_and_an_empty_one_is_none(
    usable: dict[str, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    assert read_settings(GateSettings, usable | {"CARDCASE_LOGIN_SECRET_FILE": str(secret)}).login_secret() == ""
    secret.chmod(0o640)
    problem = problem_of(usable, LOGIN_SECRET_FILE=secret)
    assert (problem.name, problem.what) == ("CARDCASE_LOGIN_SECRET_FILE", "is readable by others")
