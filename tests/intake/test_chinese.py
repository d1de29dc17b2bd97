"""The command line in Chinese: the whole help, and what stands in tables."""

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import typer
from typer._click import Context

import starter  # noqa: F401 - it adds the rehearsal to what there is
from cases.documents import DocumentKind
from cases.machines.machine import Status
from intake.commands import saying
from intake.commands.app import UPKEEP, app
from intake.commands.chinese import FIELDS, HELP, in_chinese
from intake.commands.saying import Format, Language, Speaker
from tests.intake.calling import Run

COMMANDS = typer.main.get_group(app)


def commands_of(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command there is, those of upkeep and of groups as well, by what is typed."""
    yield path, command
    for name in command.names() if hasattr(command, "names") else ():
        yield from commands_of(command.get_command(Context(COMMANDS), name), f"{path} {name}".strip())


ALL = dict(commands_of(COMMANDS))


def said_in(command: Any) -> Iterator[str]:
    """What a command says in its help, beside names."""
    yield from (" ".join(part.split()) for part in command.help.split("\n\n"))
    yield from (parameter.help for parameter in command.params if getattr(parameter, "help", None))


@pytest.mark.parametrize("command", ALL)
def test_every_word_of_the_help_is_there_in_chinese(command: str) -> None:
    lacking = [text for text in said_in(ALL[command]) if not re.search("[\u4e00-\u9fff]", in_chinese(text))]
    assert lacking == []


def test_nothing_is_translated_that_no_help_says() -> None:
    said = {text.removesuffix("(required)").strip() for command in ALL.values() for text in said_in(command)}
    of_the_page = {key for key in HELP if key.endswith(":") or key.startswith(("[", "COMMAND", "Show this"))}
    assert set(HELP) - said - of_the_page == set()
    assert set(UPKEEP) <= set(ALL)


@pytest.mark.parametrize("command", ["list", "audit verify", "hold", ""])
def test_a_page_of_help_holds_no_english_sentence(run: Run, command: str) -> None:
    page = run("--lang", "zh", *command.split(), "--help").out
    assert re.findall(r"[A-Za-z]+(?: [a-z]+){2,}", page.partition("\n")[2]) == []


def test_marks_and_settings_are_kept() -> None:
    assert in_chinese("At most so many.  [default: 100; 1<=x<=10000]") == "最多列出多少件。 [默认：100；1<=x<=10000]"
    assert in_chinese("Why; kept in the journal. (required)") == "原因；记入日志。（必填）"
    assert in_chinese("(required)") == "（必填）"


class TestTables:
    ROW: ClassVar = {
        "case_id": "idc-x",
        "status": Status.in_review,
        "attention": ("yellow", "late_answer"),
        "events": ("withdraw",),
        "missing": [{"document": DocumentKind.resident_id_card, "original": False}],
    }

    def test_headings_and_words_are_chinese(self, capsys: pytest.CaptureFixture[str]) -> None:
        Speaker(language=Language.zh).many([self.ROW], tuple(self.ROW))
        said = capsys.readouterr().out
        assert said.splitlines()[0].split() == ["案件编号", "状态", "关注", "可办事项", "尚缺材料"]
        for words in ("审核中", "督办：黄色", "有过时答复", "撤回申请（withdraw）", "材料 居民身份证 · 须原件 否"):
            assert words in said

    def test_programs_and_english_readers_get_the_names(self, capsys: pytest.CaptureFixture[str]) -> None:
        Speaker(Format.json, Language.zh).one(self.ROW)
        assert '"status": "in_review"' in capsys.readouterr().out
        Speaker(language=Language.en).one(self.ROW)
        assert "in_review" in capsys.readouterr().out

    def test_every_field_that_has_words_has_a_name(self) -> None:
        assert set(saying._SETS) | saying._EVENTS | saying._CODES <= set(FIELDS)


class TestCompletion:
    @pytest.mark.parametrize(
        ("typed", "completed"),
        [
            ("cardcase li", ["list"]),
            ("cardcase list --status in_", ["in_production", "in_review"]),
            ("cardcase audit v", ["verify"]),
            ("cardcase ret", ["return-documents", "retention"]),
            ("cardcase list --k", ["--kind"]),
        ],
    )
    def test_commands_options_and_choices_are_completed(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, typed: str, completed: list[str]
    ) -> None:
        monkeypatch.setenv("_CARDCASE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", typed)
        monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 0
        assert self.out.readouterr().out.split() == completed

    @pytest.fixture(autouse=True)
    def _out(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.out = capsys

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_shell_is_told_how_to_ask(self, run: Run, shell: str) -> None:
        said = run("completion", shell, "--name", "sbk")
        assert "_CARDCASE_COMPLETE=complete_" + shell in said.out.replace('"', "")
        assert "sbk" in said.out
