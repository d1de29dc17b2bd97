"""The compose file says what it promises: nothing reachable from outside, no password in it, every start in order."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from temporalio.envconfig import ClientConfig

from activities.notifications.providers.configured import providers_of
from activities.notifications.settings import NotificationSettings
from cases.delivery import Channel
from deploy.credentials import (
    CALLBACKS,
    GIVEN,
    KEY_RING,
    PASSWORDS,
    PERSON_KEYS,
    STAMP_KEY,
    STAMP_TRUST,
    WEBHOOK_KEY,
    WEBHOOK_TRUST,
    make,
)
from desk.settings import DeskSettings
from gate.settings import GateSettings
from intake.service.settings import IntakeSettings, public_keys_in
from runtime.settings import (
    AuditSettings,
    ClientSettings,
    ConfigurationInvalid,
    HeadsSettings,
    Settings,
    WorkerSettings,
    read_settings,
)

DEPLOY = Path(__file__).parents[2] / "deploy"
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")
_WHERE_SET = re.compile(r"\$\{(\w+):\+([^}]*)\}")
NOTHING: Mapping[str, str] = {}


def _filled(text: str, given: Mapping[str, str]) -> str:
    """A value as the compose file has it, with what `.env` gives."""
    text = _VARIABLE.sub(lambda found: given.get(found[1]) or found[2], text)
    return _WHERE_SET.sub(lambda found: found[2] if given.get(found[1]) else "", text)


def _default(text: str) -> str:
    return _filled(text, NOTHING)


@pytest.fixture(scope="module")
def compose() -> Any:
    return YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose: Any) -> dict[str, Any]:
    return dict(compose["services"])


def test_ports_are_published_on_the_loopback_address_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("server", ["postgres", "temporal"])
def test_a_server_cannot_be_reached_past_its_internal_network(
    compose: Any, services: dict[str, Any], server: str
) -> None:
    assert services[server]["networks"] == ["store"]
    assert "ports" not in services[server]
    assert compose["networks"]["store"] == {"internal": True}


def test_only_our_own_processes_are_on_the_network_of_the_servers(services: dict[str, Any]) -> None:
    on_it = {name for name, service in services.items() if "store" in service["networks"]}
    servers, jobs = {"postgres", "temporal"}, {"roles", "migrate", "temporal-schema", "temporal-namespace", "upkeep"}
    # The Web UI stands between browsers and Temporal, and holds nothing.
    assert on_it == servers | jobs | {"worker", "gate", "intake", "desk", "heads", "temporal-ui"}
    reached = {name for name, service in services.items() if service.get("ports")}
    assert reached == {"worker", "gate", "intake", "desk", "temporal-ui"}


def test_who_has_the_keys_is_one_of_our_own_processes(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "keys" in service.get("secrets", ())} == {
        "worker",
        "gate",
        "intake",
        "desk",
        "upkeep",
    }


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("privileged"), name
        assert service["ulimits"] == {"core": 0}, name
    # The Web UI's image writes its configuration into itself.
    assert {name for name, service in services.items() if not service.get("read_only")} == {"temporal-ui"}
    assert {name for name, service in services.items() if "cap_add" in service} == {"postgres"}


def test_whoever_reads_secrets_runs_as_their_owner(services: dict[str, Any]) -> None:
    readers = {name for name, service in services.items() if service.get("secrets")}
    # PostgreSQL's image reads its password as root, before it becomes the user postgres.
    owners = {name for name, service in services.items() if "CARDCASE_UID" in service.get("user", "")}
    assert readers - {"postgres"} <= owners


def test_no_password_stands_in_the_file_or_in_an_environment(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search("PASSW|PWD|SECRET|TOKEN", variable)
            assert not secret or re.match(r"(\$\{\w+:\+)?/(run/secrets|callbacks)", value), f"{name}: {variable}"
            assert not re.search(r"//[^/@]*:[^/@]*@", value), f"{name}: {variable}"


def test_the_secrets_are_those_that_are_made(compose: Any, services: dict[str, Any], tmp_path: Path) -> None:
    made = set(make(tmp_path))
    assert {Path(_default(secret["file"])).name for secret in compose["secrets"].values()} == made - {
        PERSON_KEYS,
        CALLBACKS,
    }
    holders = {
        name for name, service in services.items() if any("/person-keys" in each for each in service.get("volumes", ()))
    }
    assert holders == {name for name, service in services.items() if "keys" in service.get("secrets", ())}
    # By them a worker knows providers, and nobody else does.
    mounted = {
        name for name, service in services.items() if any(":/callbacks" in each for each in service.get("volumes", ()))
    }
    assert mounted == {"worker"}
    assert {secret for service in services.values() for secret in service.get("secrets", ())} == set(compose["secrets"])


def test_the_scripts_that_are_mounted_exist(compose: Any, services: dict[str, Any]) -> None:
    for config in compose["configs"].values():
        assert (DEPLOY / config["file"]).is_file()
    used = {config["source"] for service in services.values() for config in service.get("configs", ())}
    assert used == set(compose["configs"])


def test_everything_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            other = services[needed]
            match how["condition"]:
                case "service_healthy":
                    assert other["healthcheck"]["test"], f"{name} -> {needed}"
                case "service_completed_successfully":
                    assert other["restart"] == "no", f"{name} -> {needed}"
                case other_condition:
                    pytest.fail(f"{name} waits for {needed} to be {other_condition}")


def test_two_workers_start_after_the_migrations_and_the_namespace(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert worker["deploy"]["replicas"] == 2
    assert set(worker["depends_on"]) == {"migrate", "temporal-namespace"}


@pytest.mark.parametrize(("name", "form"), [("worker", WorkerSettings), ("upkeep", ClientSettings)])
def test_a_container_is_given_settings_that_its_program_accepts(
    services: dict[str, Any], name: str, form: type[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    environment = {
        variable: _default(value)
        .replace("/run/secrets/keys", str(tmp_path / KEY_RING))
        .replace("/person-keys", str(tmp_path / PERSON_KEYS))
        .replace("/callbacks", str(tmp_path / CALLBACKS))
        .replace("/run/secrets/stamp_trust", str(tmp_path / STAMP_TRUST))
        for variable, value in services[name]["environment"].items()
    }
    settings = read_settings(form, environment)
    assert settings.drain_seconds < int(services["worker"]["stop_grace_period"].removesuffix("s"))
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert ClientConfig.load_client_connect_config() == {"target_host": "temporal:7233", "namespace": "cardcase"}


def test_the_gate_is_given_settings_that_it_accepts_once_the_provider_is_known(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make(tmp_path)
    given = {
        "CARDCASE_IDENTITY_ISSUER": "https://id.example.invalid",
        "CARDCASE_IDENTITY_KEYS": "https://id.example.invalid/jwks",
    }
    environment = {
        variable: _filled(value, given)
        .replace("/run/secrets/keys", str(tmp_path / KEY_RING))
        .replace("/person-keys", str(tmp_path / PERSON_KEYS))
        .replace("/run/secrets/stamp_key", str(tmp_path / STAMP_KEY))
        .replace("/run/secrets/login_secret", str(tmp_path / "login_secret"))
        for variable, value in services["gate"]["environment"].items()
    }
    settings = read_settings(GateSettings, environment)
    ui = services["temporal-ui"]["environment"]
    assert settings.public_url() == _default(ui["TEMPORAL_CODEC_ENDPOINT"])
    assert _default(ui["TEMPORAL_CODEC_DEFAULT_ERROR_LINK"]) == f"{settings.public_url()}/login"
    assert settings.ui_origins == {f"http://127.0.0.1:{_default(services['temporal-ui']['ports'][0]).split(':')[1]}"}
    assert settings.login_secret() == ""
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(
            GateSettings,
            environment | {"CARDCASE_PROFILE": "production", "CARDCASE_CODEC_URL": "http://codec.example.invalid"},
        )
    assert {problem.name for problem in invalid.value.problems} >= {"CARDCASE_CODEC_URL"}


def test_heads_are_published_with_a_readers_rights_to_where_nobody_else_writes(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make(tmp_path)
    environment = {
        variable: _default(value).replace("/run/secrets/", f"{tmp_path}/")
        for variable, value in services["heads"]["environment"].items()
    }
    environment["CARDCASE_STAMP_TRUST_FILE"] = str(tmp_path / STAMP_TRUST)
    settings = read_settings(HeadsSettings, environment)
    assert settings.heads_every == Settings.model_fields["heads_every"].default
    assert read_settings(AuditSettings, environment).stamp_trust_file == tmp_path / STAMP_TRUST
    assert "cardcase_reader@" in environment["CARDCASE_DATABASE_URL"]
    (volume,) = services["heads"]["volumes"]
    assert [name for name, service in services.items() if volume in service.get("volumes", ())] == ["heads"]
    assert settings.heads_place.startswith(f"{volume.rpartition(':')[2]}/")
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(HeadsSettings, environment | {"CARDCASE_HEADS_PLACE": "https://heads.example.invalid/register"})
    assert [(each.name, each.what) for each in invalid.value.problems] == [("CARDCASE_HEADS_KEY_FILE", "is empty")]


def test_the_intake_service_is_given_settings_that_it_accepts_once_the_provider_is_known(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make(tmp_path)
    secret = tmp_path / "intake_secret"
    secret.write_text("of-a-test", encoding="ascii")
    given = {
        "CARDCASE_IDENTITY_ISSUER": "https://id.example.invalid",
        "CARDCASE_IDENTITY_KEYS": "https://id.example.invalid/jwks",
        "CARDCASE_EXCHANGE_URL": "https://id.example.invalid/token",
        "CARDCASE_GATE_URL": "https://gate.example.invalid",
        "CARDCASE_SINK_HOSTS": "office.example.invalid, bank.example.invalid:8443",
    }
    environment = {
        variable: _filled(value, given)
        .replace("/run/secrets/keys", str(tmp_path / KEY_RING))
        .replace("/person-keys", str(tmp_path / PERSON_KEYS))
        .replace("/run/secrets/intake_secret", str(secret))
        .replace("/run/secrets/webhook_trust", str(tmp_path / WEBHOOK_TRUST))
        for variable, value in services["intake"]["environment"].items()
    }
    settings = read_settings(IntakeSettings, environment)
    assert settings.sink_hosts == {"office.example.invalid", "bank.example.invalid:8443"}
    assert settings.secret() == "of-a-test"
    assert len(public_keys_in(tmp_path / WEBHOOK_TRUST)) == 1
    assert public_keys_in(tmp_path / WEBHOOK_KEY) == []


def test_the_desk_is_given_settings_that_it_accepts_once_the_provider_is_known_and_no_stamping_key(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make(tmp_path)
    given = {
        "CARDCASE_IDENTITY_ISSUER": "https://id.example.invalid",
        "CARDCASE_IDENTITY_KEYS": "https://id.example.invalid/jwks",
        "CARDCASE_GATE_URL": "https://gate.example.invalid",
    }
    environment = {
        variable: _filled(value, given)
        .replace("/run/secrets/keys", str(tmp_path / KEY_RING))
        .replace("/run/secrets/login_secret", str(tmp_path / "login_secret"))
        .replace("/person-keys", str(tmp_path / PERSON_KEYS))
        for variable, value in services["desk"]["environment"].items()
    }
    settings = read_settings(DeskSettings, environment)
    assert settings.public_url() != settings.public_documents_url()
    assert "cardcase_desk@" in environment["CARDCASE_DATABASE_URL"]
    assert "stamp_key" not in services["desk"]["secrets"]
    assert _filled(services["worker"]["environment"]["CARDCASE_DESK_URL"], {}) in {"", settings.public_url()}


def test_the_web_ui_offers_nothing_that_a_case_does_not_understand(services: dict[str, Any]) -> None:
    ui = services["temporal-ui"]["environment"]
    switched_off = {name for name, value in ui.items() if name.endswith("_DISABLED") and value == "true"}
    assert switched_off == {
        "TEMPORAL_BATCH_ACTIONS_DISABLED",
        "TEMPORAL_START_WORKFLOW_DISABLED",
        "TEMPORAL_WORKFLOW_CANCEL_DISABLED",
        "TEMPORAL_WORKFLOW_RESET_DISABLED",
        "TEMPORAL_WORKFLOW_SIGNAL_DISABLED",
        "TEMPORAL_WORKFLOW_TERMINATE_DISABLED",
    }


def test_every_setting_of_a_provider_reaches_the_workers_with_its_default(services: dict[str, Any]) -> None:
    environment = services["worker"]["environment"]
    names = {field: f"CARDCASE_{field.upper()}" for field in NotificationSettings.model_fields}
    assert set(names.values()) <= set(environment)
    given = {field: _default(environment[name]) for field, name in names.items()}
    # In a container nobody is reached on its own loopback address.
    assert given.pop("callback_host") == "0.0.0.0"  # noqa: S104 - inside a container that publishes the port
    assert NotificationSettings.model_validate(given) == NotificationSettings()


async def test_what_the_sample_environment_names_is_enough_for_every_channel(
    services: dict[str, Any], tmp_path: Path
) -> None:
    make(tmp_path)
    (tmp_path / "sms_token").write_text("synthetic", encoding="ascii")
    (tmp_path / "mail_password").write_text("synthetic", encoding="ascii")
    given = {
        "CARDCASE_SMS_URL": "https://sms.example.invalid/send",
        "CARDCASE_MAIL_URL": "smtps://mail.example.invalid",
        "CARDCASE_MAIL_SENDER": "cards@example.invalid",
        "CARDCASE_MAIL_USER": "cards",
        "CARDCASE_CHAT_CHANNELS": "dingtalk,wecom,feishu",
        "CARDCASE_WEBHOOK_HOSTS": "hooks.example.invalid",
        "CARDCASE_CALLBACK_PORT": "8090",
    }
    assert set(given) <= {line.partition("=")[0] for line in _sample()}
    environment = {
        variable: _filled(value, given)
        .replace("/run/secrets/keys", str(tmp_path / KEY_RING))
        .replace("/person-keys", str(tmp_path / PERSON_KEYS))
        .replace("/callbacks", str(tmp_path / CALLBACKS))
        .replace("/run/secrets/stamp_trust", str(tmp_path / STAMP_TRUST))
        .replace("/run/secrets/", f"{tmp_path}/")
        for variable, value in services["worker"]["environment"].items()
        if not variable.startswith("TEMPORAL_")
    }
    settings = read_settings(WorkerSettings, environment)
    assert set(settings.secrets_of_callbacks()) == set(Channel)
    assert services["worker"]["ports"][0].endswith(f":{settings.callback_port}")
    async with providers_of(settings) as providers:
        assert set(providers) == set(Channel)


def test_the_workers_reach_providers_and_the_register_does_not(compose: Any, services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "providers" in service.get("networks", ())] == ["worker"]
    assert compose["networks"]["providers"] == {}


def test_the_command_line_has_no_way_into_the_register(services: dict[str, Any]) -> None:
    upkeep = services["upkeep"]
    assert "CARDCASE_DATABASE_URL" not in upkeep["environment"]
    assert upkeep["secrets"] == ["keys"]


def test_every_image_has_a_tag_that_says_a_version(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:\d+\.\d+[\w.-]*", _default(service["image"])), name


def test_every_image_can_be_pinned_by_a_digest(services: dict[str, Any]) -> None:
    """A digest is one image's: no two share the variable of their tag."""
    images = {service["image"] for service in services.values()}
    assert len({image.partition("${")[2].partition(":")[0] for image in images}) == len(images)


def test_the_sample_environment_names_every_variable_with_its_default() -> None:
    sample = dict(line.split("=", 1) for line in _sample())
    used = dict(_VARIABLE.findall((DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert sample == used


def _sample() -> list[str]:
    lines = (DEPLOY / "env.sample").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_secrets_are_readable_by_their_owner_only_and_never_replaced(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    assert set(make(directory)) == {
        *PASSWORDS,
        *GIVEN,
        KEY_RING,
        PERSON_KEYS,
        CALLBACKS,
        STAMP_KEY,
        STAMP_TRUST,
        WEBHOOK_KEY,
        WEBHOOK_TRUST,
    }
    before = {
        path.name: (path.stat().st_mode & 0o777, path.read_bytes()) for path in directory.iterdir() if path.is_file()
    }
    assert {mode for mode, _ in before.values()} == {0o600}
    for folder in (directory, directory / PERSON_KEYS, directory / CALLBACKS):
        assert folder.stat().st_mode & 0o777 == 0o700
    (directory / "worker_pgpass").unlink()
    assert make(directory) == ["worker_pgpass"]
    after = {
        path.name: (path.stat().st_mode & 0o777, path.read_bytes()) for path in directory.iterdir() if path.is_file()
    }
    assert {name for name in before if before[name] != after[name]} == {"worker_pgpass"}
