from pathlib import Path

import pytest

from activities.notifications import callback_secrets
from activities.notifications.providers.configured import providers_of
from activities.notifications.settings import NotificationSettings
from cases.delivery import Channel
from runtime.settings import ConfigurationInvalid, Problem, Settings, read_settings

PLANTED = "planted-value-7"


def secret(folder: Path, text: str = PLANTED * 2, mode: int = 0o600) -> str:
    path = folder / f"secret-{len(list(folder.iterdir()))}"
    path.touch(mode=mode)
    path.write_text(text)
    return str(path)


def problems_of(**environment: str) -> dict[str, Problem]:
    with pytest.raises(ConfigurationInvalid) as invalid:
        read_settings(Settings, {f"CARDCASE_{name}": value for name, value in environment.items()})
    assert PLANTED not in str(invalid.value)
    return {problem.name.removeprefix("CARDCASE_"): problem for problem in invalid.value.problems}


async def test_a_channel_is_served_where_its_provider_is_configured(tmp_path: Path) -> None:
    async with providers_of(NotificationSettings()) as none:
        assert none == {}
    settings = read_settings(
        Settings,
        {
            "CARDCASE_SMS_URL": "https://sms.example.invalid/send",
            "CARDCASE_SMS_TOKEN_FILE": secret(tmp_path),
            "CARDCASE_MAIL_URL": "smtp://mail.example.invalid",
            "CARDCASE_MAIL_SENDER": "cards@example.invalid",
            "CARDCASE_CHAT_CHANNELS": "wecom, feishu,dingtalk",
            "CARDCASE_WEBHOOK_HOSTS": "hooks.example.invalid",
        },
    )
    async with providers_of(settings) as all_of_them:
        assert set(all_of_them) == set(Channel)
    assert set(settings.paces()) == set(Channel)


def test_everything_wrong_with_providers_is_told_at_once_and_without_values(tmp_path: Path) -> None:
    problems = problems_of(
        SMS_URL=f"ftp://{PLANTED}",
        MAIL_URL=f"smtp://{PLANTED}:99999",
        MAIL_USER=PLANTED,
        CHAT_CHANNELS="wecom,sms",
        CHAT_RELAY_URL=PLANTED,
        CALLBACK_PORT="0",
        CALLBACK_SECRETS=str(tmp_path / "none"),
        MAIL_PASSWORD_FILE=secret(tmp_path, mode=0o644),
    )
    assert set(problems) == {
        "SMS_URL",
        "SMS_TOKEN_FILE",
        "MAIL_URL",
        "MAIL_SENDER",
        "MAIL_PASSWORD_FILE",
        "CHAT_CHANNELS",
        "CHAT_RELAY_URL",
        "CALLBACK_SECRETS",
    }


@pytest.mark.parametrize(
    ("text", "mode", "what"),
    [(PLANTED, 0o640, "is readable by others"), (" \n", 0o600, "is empty"), (None, 0, "names no readable file")],
)
def test_a_secret_is_a_file_that_its_owner_alone_can_read(
    tmp_path: Path, text: str | None, mode: int, what: str
) -> None:
    file = str(tmp_path / "none") if text is None else secret(tmp_path, text, mode)
    problem = problems_of(SMS_URL="http://127.0.0.1:1/sms", SMS_TOKEN_FILE=file)["SMS_TOKEN_FILE"]
    assert problem.what == what


def test_each_provider_signs_by_a_secret_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "callbacks"
    callback_secrets.begin(folder)
    given = {"CARDCASE_CALLBACK_PORT": "0", "CARDCASE_CALLBACK_SECRETS": str(folder)}
    found = read_settings(Settings, given).secrets_of_callbacks()
    assert set(found) == set(Channel)
    assert len(set(found.values())) == len(Channel)
    callback_secrets.begin(folder)
    assert read_settings(Settings, given).secrets_of_callbacks() == found

    def fault() -> str:
        return problems_of(CALLBACK_PORT="0", CALLBACK_SECRETS=str(folder))["CALLBACK_SECRETS"].what

    (folder / "mail").write_bytes((folder / "sms").read_bytes())
    assert "one secret for two channels" in fault()
    (folder / "mail").write_text("short")
    assert "fewer than 16" in fault()
    (folder / "mail").chmod(0o640)
    assert fault() == "has a file that is readable by others"
    (folder / "mail").rename(folder / PLANTED)
    assert fault() == "holds what is named after no channel"
    for file in folder.iterdir():
        file.unlink()
    assert fault() == "holds no secret"
    folder.chmod(0o750)
    assert fault() == "is open to others"
    assert set(problems_of(CALLBACK_PORT="0")) == {"CALLBACK_SECRETS"}


def test_production_sends_text_messages_and_chats_over_tls_only(tmp_path: Path) -> None:
    problems = problems_of(
        PROFILE="production",
        SMS_URL="http://sms.example.invalid/",
        SMS_TOKEN_FILE=secret(tmp_path),
        CHAT_RELAY_URL="http://relay.example.invalid",
    )
    assert {name: problem.what for name, problem in problems.items()} == {
        "SMS_URL": "has no TLS",
        "CHAT_RELAY_URL": "has no TLS",
    }


def test_an_unknown_channel_is_told_without_repeating_it() -> None:
    assert set(problems_of(CHAT_CHANNELS=f"wecom,{PLANTED}")) == {"CHAT_CHANNELS"}


def test_what_is_handed_on_empty_is_not_set() -> None:
    handed_on = {f"CARDCASE_{name}": "" for name in ("SMS_URL", "MAIL_USER", "CHAT_CHANNELS", "CALLBACK_PORT")}
    assert read_settings(Settings, handed_on) == read_settings(Settings, {})


def test_a_file_that_vouches_for_nobody_is_told(tmp_path: Path) -> None:
    for file in (tmp_path / "none", tmp_path / "empty", tmp_path / "text"):
        if file.name != "none":
            file.write_text("" if file.name == "empty" else PLANTED)
        assert set(problems_of(MAIL_TRUST_FILE=str(file))) == {"MAIL_TRUST_FILE"}
