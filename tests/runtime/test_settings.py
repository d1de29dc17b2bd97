"""Settings: everything that is wrong is told at once, by name, without a value, and with what to do."""

import os
from pathlib import Path

import pytest

from activities.person_keys import DirectoryKeys
from activities.sealing import KeyRing
from cases.policy import PACKS
from runtime import settings as settings_module
from runtime.algorithms import Algorithm
from runtime.settings import (
    ClientSettings,
    ConfigurationInvalid,
    Problem,
    Profile,
    RegisterSettings,
    Settings,
    WorkerSettings,
    read_settings,
)
from tests.worker_process import sample_key_file, sample_trust_file

PLANTED = "hunter2-planted"
LOCAL = {"CARDCASE_PROFILE": "local"}
URL = f"postgresql://cardcase:{PLANTED}@127.0.0.1:5432/cardcase"
ELSEWHERE = f"postgresql://cardcase:{PLANTED}@db.example:5432/cardcase"


@pytest.fixture(autouse=True)
def temporal_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal's own configuration comes from the process; here it says nothing."""
    for name in [name for name in os.environ if name.startswith("TEMPORAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    KeyRing.generate(path)
    return path


def problems_of(form: type[Settings] = Settings, **environment: object) -> dict[str, Problem]:
    said = {"PROFILE": "local", **environment}
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(form, {f"CARDCASE_{name}": str(value) for name, value in said.items()})
    assert PLANTED not in str(invalid.value)
    assert PLANTED not in repr(invalid.value)
    return {problem.name: problem for problem in invalid.value.problems}


def test_nothing_has_to_be_set_for_a_process_that_needs_nothing() -> None:
    assert read_settings(Settings, {"PATH": "/bin"}) == Settings()


def test_every_setting_is_read_from_its_name_in_capitals(key_file: Path) -> None:
    settings = read_settings(
        WorkerSettings,
        {
            "CARDCASE_DATABASE_URL": URL,
            "CARDCASE_KEY_FILE": str(key_file),
            "CARDCASE_STAMP_TRUST_FILE": str(sample_trust_file(key_file.parent)),
            "CARDCASE_POOL_SIZE": "4",
            "CARDCASE_HEALTH_PORT": "0",
            "CARDCASE_DRAIN_SECONDS": "2.5",
            "CARDCASE_LOG_FORMAT": "console",
            **LOCAL,
        },
    )
    assert settings.database_url.get_secret_value() == URL
    assert (settings.pool_size, settings.health_port, settings.drain_seconds) == (4, 0, 2.5)
    assert (settings.key_file, settings.log_format) == (key_file, "console")


def test_a_password_is_never_printed_with_the_settings(key_file: Path) -> None:
    said = {"CARDCASE_DATABASE_URL": URL, "CARDCASE_KEY_FILE": str(key_file)}
    settings = read_settings(RegisterSettings, LOCAL | said)
    assert PLANTED not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    broken_ring = tmp_path / "keys.toml"
    broken_ring.touch(mode=0o600)
    broken_ring.write_text(f"token_key = '{PLANTED}'")
    problems = problems_of(
        WorkerSettings,
        POOL_SIZE=PLANTED,
        DRAIN_SECONDS=-1,
        LOG_LEVEL=PLANTED,
        LOG_FORMAT=PLANTED,
        PROFILE=PLANTED,
        DATABASE_URL=f"mysql://{PLANTED}",
        KEY_FILE=broken_ring,
        MAX_CASES_CASHED=3,
    )
    assert set(problems) == {
        "CARDCASE_POOL_SIZE",
        "CARDCASE_DRAIN_SECONDS",
        "CARDCASE_LOG_LEVEL",
        "CARDCASE_LOG_FORMAT",
        "CARDCASE_PROFILE",
        "CARDCASE_DATABASE_URL",
        "CARDCASE_KEY_FILE",
        "CARDCASE_STAMP_TRUST_FILE",
        "CARDCASE_MAX_CASES_CASHED",
        # No profile that is known is production.
        "CARDCASE_PERSON_KEYS",
    }
    assert all(problem.mend for problem in problems.values())


@pytest.mark.parametrize(
    ("form", "needed"),
    [
        (WorkerSettings, {"CARDCASE_DATABASE_URL", "CARDCASE_KEY_FILE", "CARDCASE_STAMP_TRUST_FILE"}),
        (ClientSettings, {"CARDCASE_KEY_FILE"}),
    ],
)
def test_what_a_program_cannot_do_without_is_missed_by_name(form: type[Settings], needed: set[str]) -> None:
    problems = problems_of(form)
    assert set(problems) == needed
    assert {problem.what for problem in problems.values()} == {"is not set"}


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("DATABSE_URL", "CARDCASE_DATABASE_URL"),
        ("KEYFILE", "CARDCASE_KEY_FILE"),
        ("DATADIR", "CARDCASE_DATA_DIR"),
        ("Log_Level", "CARDCASE_LOG_LEVEL"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_right_one(misspelt: str, meant: str) -> None:
    (problem,) = problems_of(Settings, **{misspelt: PLANTED}).values()
    assert problem.mend == f"Did you mean {meant}?"


def test_a_name_that_resembles_none_is_refused_all_the_same() -> None:
    (problem,) = problems_of(XYZZY=PLANTED).values()
    assert (problem.name, problem.mend) == ("CARDCASE_XYZZY", "Unset it")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{PLANTED}@h/db",
        f"postgresql://u:{PLANTED}@h",
        f"postgresql://u:{PLANTED}@h/",
        f"postgresql:///db?password={PLANTED}",
        f"postgresql://u:{PLANTED}@[half/db",
        PLANTED,
        "",
    ],
)
def test_a_url_that_is_none_is_refused_without_its_password(url: str) -> None:
    (problem,) = problems_of(DATABASE_URL=url).values()
    assert "postgresql://user:password@host:port/name" in problem.what


def test_a_key_file_that_is_not_there_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    (problem,) = problems_of(KEY_FILE=tmp_path / "none").values()
    assert "python -m runtime.keys new" in problem.mend


def test_a_key_file_that_others_can_read_is_refused(key_file: Path) -> None:
    key_file.chmod(0o640)
    (problem,) = problems_of(KEY_FILE=key_file).values()
    assert "readable by others" in problem.what


@pytest.mark.parametrize("key", ["", "AAAA", "A" * 43 + "="], ids=["empty", "short", "all zero"])
def test_a_key_that_is_none_is_refused(key_file: Path, key: str) -> None:
    key_file.write_text(
        f'token_key = "{key}"\ncurrent = "k1"\npayload_current = "p1"\n'
        f'[seal_keys]\nk1 = "{key}"\n[payload_keys]\np1 = "{key}"\n'
    )
    (problem,) = problems_of(KEY_FILE=key_file).values()
    assert problem.what == "a key is not 32 random bytes"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (None, [Algorithm.aes_256_gcm]),
        ("aes-256-gcm", [Algorithm.aes_256_gcm]),
        ("sm4-gcm", [Algorithm.sm4_gcm]),
        ("sm4-gcm, aes-256-gcm", [Algorithm.sm4_gcm, Algorithm.aes_256_gcm]),
        ("off", []),
    ],
)
def test_payloads_are_sealed_as_the_first_name_says_and_read_by_any(given: str | None, meant: list[Algorithm]) -> None:
    settings = read_settings(Settings, LOCAL if given is None else LOCAL | {"CARDCASE_ENCRYPTION": given})
    assert [each.algorithm for each in settings.encryption] == meant


@pytest.mark.parametrize("given", ["", "aes-128-gcm", "off,sm4-gcm", "sm4-gcm,", "none", PLANTED])
def test_no_other_way_to_seal_payloads_is_known(given: str) -> None:
    (problem,) = problems_of(ENCRYPTION=given).values()
    assert (problem.name, "'aes-256-gcm' or 'sm4-gcm'" in problem.what) == ("CARDCASE_ENCRYPTION", True)


def test_every_policy_pack_that_does_not_load_is_told(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = next(PACKS.glob("*.toml")).read_text(encoding="utf-8")
    (tmp_path / "a.toml").write_text("not = [", encoding="utf-8")
    (tmp_path / "b.toml").write_text(text.replace("max_extension = ", f'x = "{PLANTED}"\nmax_extension = -'))
    for name in ("c", "d"):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    trusted = sample_trust_file(key_file.parent)
    keys = {
        "CARDCASE_DATABASE_URL": URL,
        "CARDCASE_KEY_FILE": str(key_file),
        "CARDCASE_STAMP_TRUST_FILE": str(trusted),
        **LOCAL,
    }
    read_settings(WorkerSettings, keys)
    key_file.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(settings_module, "PACKS", tmp_path)
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(WorkerSettings, keys)
    told = [problem.what for problem in invalid.value.problems if problem.name == "policies"]
    assert [what.split(":")[0] for what in told] == ["a.toml", "b.toml", "version"]
    assert "CARDCASE_KEY_FILE" in str(invalid.value)
    assert PLANTED not in str(invalid.value)


def test_keys_of_gates_that_cannot_be_trusted_are_told(tmp_path: Path) -> None:
    private = sample_trust_file(tmp_path).with_suffix(".private")
    planted = tmp_path / "planted.json"
    planted.write_text(f'{{"keys": "{PLANTED}"}}')
    for path, what in (
        (tmp_path / "none", "not a JWK set of Ed25519 keys"),
        (planted, "not a JWK set of Ed25519 keys"),
        (private, "holds a private key"),
    ):
        (problem,) = problems_of(STAMP_TRUST_FILE=path).values()
        assert (problem.name, problem.what) == ("CARDCASE_STAMP_TRUST_FILE", what)


@pytest.mark.parametrize("url", ["http://gate.example.invalid", "gate", "https://u:p@gate.example.invalid", "ftp://g"])
def test_a_gate_to_which_a_token_would_go_in_clear_is_refused(url: str) -> None:
    (problem,) = problems_of(GATE_URL=url).values()
    assert problem.name == "CARDCASE_GATE_URL"
    assert read_settings(Settings, {"CARDCASE_GATE_URL": "http://127.0.0.1:8235"}).gate_url is not None


@pytest.mark.parametrize("name", ["UI_URL", "RUNBOOK_URL"])
def test_links_lead_to_web_addresses_or_nowhere(name: str) -> None:
    for url in ("http://ui.example.invalid", "javascript:alert(1)", "https://ui.example.invalid/?q=1", "ui"):
        (problem,) = problems_of(Settings, **{name: url}).values()
        assert problem.name == f"CARDCASE_{name}"
    for url in ("https://ui.example.invalid/base", "http://127.0.0.1:8233", ""):
        settings = read_settings(Settings, {f"CARDCASE_{name}": url})
        assert getattr(settings, name.lower()) == (url or None)


def test_a_configuration_of_temporal_that_cannot_be_read_is_told_without_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "temporal.toml"
    broken.write_text(f'[profile.default]\napi_key = "{PLANTED}')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(broken))
    (problem,) = problems_of().values()
    assert problem.name.startswith("TEMPORAL_")


@pytest.mark.parametrize("name", ["IDENTITY_AUDIENCE", "INTAKE_AUDIENCE"])
@pytest.mark.parametrize("empty", ["", " "])
def test_an_audience_that_is_nobody_is_refused(name: str, empty: str) -> None:
    (problem,) = problems_of(Settings, **{name: empty}).values()
    assert problem.name == f"CARDCASE_{name}"


@pytest.mark.parametrize("url", ["", " ", "http://id.example.invalid", "https://u:p@id.example.invalid", "id"])
@pytest.mark.parametrize("name", ["IDENTITY_ISSUER", "EXCHANGE_URL", "TOKEN_URL", "INTAKE_URL"])
def test_nobody_is_believed_or_told_a_secret_without_tls(name: str, url: str) -> None:
    (problem,) = problems_of(Settings, **{name: url}).values()
    assert problem.name == f"CARDCASE_{name}"


@pytest.mark.parametrize("profile", ["local", "production"])
@pytest.mark.parametrize("said", ["sslmode=verify-full&sslmode=disable", "host=db.example", "search_path=x"])
def test_a_register_of_which_something_contradictory_is_said_is_refused_everywhere(profile: str, said: str) -> None:
    for url in (URL, ELSEWHERE):
        (problem,) = problems_of(PROFILE=profile, DATABASE_URL=f"{url}?{said}").values()
        assert problem.name == "CARDCASE_DATABASE_URL"
        assert "sslmode" in problem.mend


class TestProduction:
    """What is good enough for a laptop is refused."""

    @pytest.mark.parametrize("profile", [None, "", "Local", "local ", "test"])
    def test_holds_unless_the_profile_says_local(self, profile: str | None, tmp_path: Path) -> None:
        said = {} if profile is None else {"CARDCASE_PROFILE": profile}
        with pytest.raises(ConfigurationInvalid) as invalid:
            read_settings(Settings, said | {"CARDCASE_KEY_FILE": str(sample_key_file(tmp_path))})
        assert "sample key" in str(invalid.value)
        assert ("CARDCASE_PROFILE" in str(invalid.value)) is (profile is not None)

    def test_the_published_sample_keys_are_refused(self, tmp_path: Path) -> None:
        keys = sample_key_file(tmp_path)
        DirectoryKeys.begin(tmp_path / "persons")
        (problem,) = problems_of(PROFILE="production", KEY_FILE=keys, PERSON_KEYS=tmp_path / "persons").values()
        assert (problem.name, "sample key" in problem.what) == ("CARDCASE_KEY_FILE", True)
        assert read_settings(Settings, LOCAL | {"CARDCASE_KEY_FILE": str(keys)}).profile is Profile.local

    def test_sealing_without_a_store_of_persons_keys_is_refused(self, tmp_path: Path) -> None:
        KeyRing.generate(tmp_path / "keys.toml")
        (problem,) = problems_of(PROFILE="production", KEY_FILE=tmp_path / "keys.toml").values()
        assert (problem.name, "erased" in problem.what) == ("CARDCASE_PERSON_KEYS", True)
        read_settings(Settings, LOCAL | {"CARDCASE_KEY_FILE": str(tmp_path / "keys.toml")})

    def test_a_folder_that_is_no_store_is_refused_also_on_a_laptop(self, tmp_path: Path) -> None:
        (problem,) = problems_of(PERSON_KEYS=tmp_path).values()
        assert (problem.name, problem.what) == ("CARDCASE_PERSON_KEYS", "holds no store of persons' keys")

    def test_stamps_by_the_published_sample_key_are_refused(self, tmp_path: Path) -> None:
        trusted = sample_trust_file(tmp_path)
        (problem,) = problems_of(PROFILE="production", STAMP_TRUST_FILE=trusted).values()
        assert (problem.name, "sample key" in problem.what) == ("CARDCASE_STAMP_TRUST_FILE", True)
        read_settings(Settings, LOCAL | {"CARDCASE_STAMP_TRUST_FILE": str(trusted)})

    def test_payloads_in_clear_are_refused(self) -> None:
        (problem,) = problems_of(PROFILE="production", ENCRYPTION="off").values()
        assert (problem.name, "in clear" in problem.what) == ("CARDCASE_ENCRYPTION", True)
        for sealed in ("aes-256-gcm", "sm4-gcm", "sm4-gcm,aes-256-gcm"):
            read_settings(Settings, {"CARDCASE_PROFILE": "production", "CARDCASE_ENCRYPTION": sealed})

    def test_a_register_elsewhere_without_tls_is_refused(self) -> None:
        (problem,) = problems_of(PROFILE="production", DATABASE_URL=ELSEWHERE).values()
        assert problem.name == "CARDCASE_DATABASE_URL"
        assert problems_of(PROFILE="production", DATABASE_URL=f"{ELSEWHERE}?sslmode=require")

    @pytest.mark.parametrize("url", [URL, f"{ELSEWHERE}?sslmode=verify-full"], ids=["loopback", "TLS"])
    def test_a_register_that_nobody_can_listen_to_is_accepted(self, url: str) -> None:
        read_settings(Settings, {"CARDCASE_PROFILE": "production", "CARDCASE_DATABASE_URL": url})

    def test_temporal_elsewhere_without_tls_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
        (problem,) = problems_of(PROFILE="production").values()
        assert problem.name == "TEMPORAL_TLS"

    @pytest.mark.parametrize(
        ("name", "value"),
        [("TEMPORAL_TLS", "true"), ("TEMPORAL_API_KEY", PLANTED), ("TEMPORAL_ADDRESS", "127.0.0.1:1")],
    )
    def test_temporal_that_nobody_can_listen_to_is_accepted(
        self, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.example:7233")
        monkeypatch.setenv(name, value)
        read_settings(Settings, {"CARDCASE_PROFILE": "production"})
