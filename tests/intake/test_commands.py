"""The command line: what it takes, what it says, how it ends. Everything is synthetic."""

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

import pytest

from activities.sealing import KeyRing, Sealer
from cases.answers import Answer, CaseView
from cases.documents import Document
from cases.errors import REMEDIES, Code
from cases.events import FACTS, Event
from cases.facts import CardProduced, Fact
from cases.machines.machine import Awaits, Milestone, Status
from cases.models import Category
from cases.names import Kind, order_id
from intake.commands.app import UPKEEP
from intake.commands.saying import Exit
from intake.telling import fact_of
from samples.generate import FOLDER, REGISTER_NORTH
from tests import scenes
from tests.intake.applying import NEW, fields_of, number_change, paper
from tests.intake.calling import Run, sample_keys
from tests.intake.canned import Answered, Asked, Canned, canned
from tests.intake.identity import log_in
from tests.intake.registering import cells_of, csv_of, rewritten, row_of, write_csv, write_xlsx

ROOT = Path(__file__).parents[2]
CASE = "idc-" + "a" * 26
CARD = "C0000001"
ADDRESS = "示例市示例区示例路1号"
SEALER = Sealer(KeyRing.sample())


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["unknown-11010519101231002X"],
            ["show"],
            ["show", CASE, "11010519101231002X"],
            ["show", CASE, "--11010519101231002X"],
            ["list", "--status", "11010519101231002X"],
            ["list", "--limit", "11010519101231002X"],
            ["withdraw", CASE, "--actor", "11010519101231002X"],
            ["hold", CASE, "--reason", "11010519101231002X"],
            ["approve", CASE],
            ["withdraw", CASE, "--note", "x", "--json", "-"],
            ["verify-documents", CASE, "--copies-on-file", "--json", "-"],
            ["card-produced", CASE, "--card-number-from", "-", "--json", "-"],
            ["verify-documents", CASE, "--original-seen"],
            ["verify-documents", CASE, "--original-seen", "--copies-on-file", "--copy", "0" * 64],
            ["card-produced", CASE, "--failed", "--batch", "b-1", "--card-number-from", "-"],
            ["import"],
            ["-o", "xml", "show", CASE],
        ],
    )
    def test_a_wrong_command_line_ends_with_64_and_is_not_repeated(self, run: Run, arguments: list[str]) -> None:
        said = run(*arguments)
        assert (said.exit, said.out) == (Exit.usage, "")
        assert "11010519101231002X" not in said.err
        assert "--help" in said.err

    def test_what_is_lacking_is_named(self, run: Run) -> None:
        said = run("--lang", "en", "hold", CASE)
        assert said.err.strip() == "Wrong usage; see --help. Missing: --reason, --evidence"

    @pytest.mark.parametrize(
        ("arguments", "en", "zh"),
        [
            (["list", "--kind", "x"], "--kind <id_number_change|card_replacement>", "取值有误"),
            (["list", "--limit", "x"], "--limit <1<=x<=10000>", "取值有误"),
            (["list", "--status"], "what may stand there: --status", "应为：--status"),
            (["list", "--status", "planted"], "--status <screening|", "取值有误"),
            (["-o", "xml", "list"], "--output <table|json|jsonl>", "取值有误"),
            (["list", "--statsu", "x"], "Perhaps it is: --status", "您要找的可能是：--status"),
            (["lst"], "Perhaps it is: list", "您要找的可能是：list"),
            (["audit"], "Missing: COMMAND <verify|", "缺少：COMMAND"),
            (["audit", "verfy"], "Perhaps it is: verify", "您要找的可能是：verify"),
            (["planted"], "There is no such command or option.", "没有这个命令或选项。"),
            (["show", CASE, "planted"], "More was typed", "输入的内容多于"),
            (["withdraw", CASE, "--note", "x", "--json", "-"], "--json, --note", "--json、--note"),
        ],
    )
    def test_what_is_wrong_is_said_with_what_is_right_in_either_language(
        self, run: Run, arguments: list[str], en: str, zh: str
    ) -> None:
        for language, words in (("en", en), ("zh", zh)):
            said = run("--lang", language, *arguments)
            assert (said.exit, said.out) == (Exit.usage, "")
            assert words in said.err
            assert "planted" not in said.err

    def test_the_language_counts_wherever_it_stands(self, run: Run) -> None:
        for line in (["lst", "--lang", "en"], ["--lang=en", "lst"], ["--lang", "zh", "lst", "--lang=en"]):
            assert run(*line).err.startswith("Wrong usage")
        assert run("lst", "--lang", "fr").err.startswith("命令用法有误")

    @pytest.mark.parametrize(
        "command",
        [
            "open",
            "import",
            "show",
            "history",
            "list",
            "overview",
            "wait",
            *(event.replace("_", "-") for event in FACTS),
        ],
    )
    def test_every_command_explains_itself(self, run: Run, command: str) -> None:
        for language, heading in (("en", "Usage: "), ("zh", "用法： ")):
            said = run("--lang", language, command, "--help")
            assert said.exit == Exit.fine
            assert said.out.startswith(heading)
            assert "--output" in said.out

    @pytest.mark.parametrize("command", ["show", "history", "wait", "withdraw"])
    @pytest.mark.parametrize("case", ["", "x", CASE + "\n", CASE[:-1] + "/", "11010519101231002X"])
    def test_what_is_no_case_number_is_refused_before_anything_else(self, run: Run, command: str, case: str) -> None:
        said = run(command, case)
        assert said.exit == Exit.data
        assert said.err.startswith("CASE_ID_INVALID (case_id): ")
        assert "11010519101231002X" not in said.err


class TestConfiguration:
    def test_everything_that_is_wrong_is_listed_at_once_without_values(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CARDCASE_INTAKE_URI", "planted-value")
        monkeypatch.setenv("CARDCASE_INTAKE_URL", "http://planted-value")
        monkeypatch.setenv("CARDCASE_LOG_LEVEL", "planted-value")
        monkeypatch.delenv("CARDCASE_TOKEN_FILE")
        said = run("show", CASE)
        assert said.exit == Exit.configuration
        assert {line.split(":")[0] for line in said.err.splitlines()} == {
            "CARDCASE_INTAKE_URI",
            "CARDCASE_INTAKE_URL",
            "CARDCASE_LOG_LEVEL",
            "CARDCASE_TOKEN_FILE",
        }
        assert "planted-value" not in said.err

    def test_a_system_needs_its_whole_credential_and_no_token_file(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CARDCASE_CLIENT_ID", "back-office-1")
        said = run("show", CASE)
        assert said.exit == Exit.configuration
        assert {line.split(":")[0] for line in said.err.splitlines()} == {
            "CARDCASE_CLIENT_ID",
            "CARDCASE_CLIENT_SECRET_FILE",
            "CARDCASE_TOKEN_URL",
        }

    def test_a_token_that_others_can_read_is_not_used(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "open"
        path.write_text("planted-value", encoding="ascii")
        path.chmod(0o644)
        monkeypatch.setenv("CARDCASE_TOKEN_FILE", str(path))
        said = run("show", CASE)
        assert (said.exit, said.err.split(".")[0]) == (
            Exit.configuration,
            "CARDCASE_TOKEN_FILE: is readable by others",
        )

    @pytest.mark.parametrize("command", [["show", CASE], ["list"], ["wait", CASE], ["acknowledge", CASE]])
    def test_a_service_that_is_not_there_ends_with_69(self, run: Run, command: list[str]) -> None:
        said = run(*command)
        assert said.exit == Exit.unavailable
        assert said.err.startswith("ENGINE_UNAVAILABLE: ")

    def test_a_system_without_a_provider_is_answered_with_69(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CARDCASE_CLIENT_ID", "back-office-1")
        monkeypatch.setenv("CARDCASE_CLIENT_SECRET_FILE", str(log_in(tmp_path, scenes.VERIFIER)))
        monkeypatch.setenv("CARDCASE_TOKEN_URL", "http://127.0.0.1:1/token")
        monkeypatch.delenv("CARDCASE_TOKEN_FILE")
        assert run("show", CASE).exit == Exit.unavailable

    def test_an_unexpected_error_is_told_by_its_place_and_not_by_its_text(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing() -> None:
            raise KeyError("planted value")

        monkeypatch.setattr("intake.commands.looking.service", failing)
        said = run("show", CASE)
        assert said.exit == Exit.internal
        assert said.err.startswith("INTERNAL (KeyError, ")
        assert "planted" not in said.err


class TestUpkeep:
    """What goes past the service says what it needs."""

    @pytest.mark.parametrize(
        ("command", "named"),
        [
            (["audit", "verify"], ["CARDCASE_DATABASE_URL", "CARDCASE_STAMP_TRUST_FILE"]),
            (["audit", "publish"], ["CARDCASE_DATABASE_URL", "CARDCASE_HEADS_PLACE"]),
            (["schedules", "list"], ["TEMPORAL_ADDRESS", "CARDCASE_KEY_FILE"]),
            (["bulk", "run", "x"], ["CARDCASE_GATE_URL", "CARDCASE_DATABASE_URL", "TEMPORAL_ADDRESS"]),
            (["contacts", "x.csv"], ["CARDCASE_DATABASE_URL", "CARDCASE_KEY_FILE"]),
        ],
    )
    def test_it_says_so_in_its_help(self, run: Run, command: list[str], named: list[str]) -> None:
        said = run("--lang", "en", *command, "--help")
        assert said.exit == Exit.fine
        needs = " ".join(said.out.split()).partition("Upkeep, beside the servers: needs ")[2]
        assert all(name in needs for name in named)

    def test_it_says_so_where_a_setting_lacks(self, run: Run) -> None:
        said = run("audit", "journal")
        lacking, needs = said.err.splitlines()
        assert (said.exit, lacking.split(":")[0]) == (Exit.configuration, "CARDCASE_DATABASE_URL")
        assert needs == "Upkeep, beside the servers: needs the register's connection (CARDCASE_DATABASE_URL)."

    def test_the_help_tells_it_from_what_goes_to_the_service(self, run: Run) -> None:
        users, _, upkeep = run("--help", "--lang=en").out.partition("\nUpkeep: ")
        shown = [set(re.findall(r"^  ([a-z-]+) {2,}\S", text, re.MULTILINE)) for text in (users, upkeep)]
        assert shown[1] == set(UPKEEP)
        assert {"open", "show", "list", "leftovers", "overview", "acknowledge", "card-produced"} <= shown[0]
        assert not shown[0] & shown[1]

    def test_commands_of_users_bring_nothing_of_the_engine_along(self) -> None:
        # One program for all of them: it tells after each what is loaded by then.
        asked = """
            import sys, starter
            for command in sys.argv[1:]:
                assert starter.main([command, "--help"]) == 0
                print(command, *sys.modules, file=sys.stderr)
        """
        commands = ["open", "import", "show", "progress", "history", "list", "leftovers", "overview", "wait", "hold"]
        program = [sys.executable, "-c", dedent(asked), *commands]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
        loaded = {command: names for command, *names in map(str.split, done.stderr.splitlines())}
        assert list(loaded) == commands
        for command, names in loaded.items():
            modules = {name.partition(".")[0] for name in names}
            assert "cardcase_client" in modules
            engine = {"temporalio", "asyncpg", "aiohttp", "sqlalchemy", "workflows", "gate", "rehearsal"}
            assert not modules & engine, command

    @pytest.mark.usefixtures("offline")
    def test_a_server_that_is_not_there_ends_with_69(self, run: Run) -> None:
        said = run("schedules", "list")
        assert said.exit == Exit.unavailable
        assert said.err.startswith("ENGINE_UNAVAILABLE: ")

    @pytest.mark.usefixtures("offline")
    def test_an_address_that_is_none_is_a_matter_of_configuration(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "planted value:::")
        said = run("schedules", "list")
        assert said.exit == Exit.configuration
        assert said.err.startswith("TEMPORAL_ADDRESS: ")
        assert "planted" not in said.err


@pytest.fixture
def offline(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it clears the settings first
    """Keys, and an address where nobody listens."""
    # The logging and the threads of this process belong to the tests.
    monkeypatch.setattr("intake.commands.upkeep.configure_logging", lambda *_: None)
    monkeypatch.setattr("intake.commands.upkeep.core_runtime", lambda: None)
    monkeypatch.setenv("CARDCASE_KEY_FILE", str(sample_keys(tmp_path)))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")


# --- without an engine ------------------------------------------------------------------------------------------------


class TestInput:
    @pytest.mark.parametrize(
        ("raw", "said"),
        [
            (b"{", "REQUEST_NOT_JSON: "),
            (b"[]", "FIELD_INVALID: "),
            (b" " * 65_537, "REQUEST_TOO_LARGE: "),
            (json.dumps(fields_of(number_change()) | {"key": f"no {NEW}"}).encode(), "IDEMPOTENCY_KEY_INVALID: "),
        ],
    )
    @pytest.mark.parametrize("from_file", ["file", "stdin"])
    def test_an_application_that_cannot_be_taken_ends_with_65(
        self, run: Run, tmp_path: Path, raw: bytes, said: str, from_file: str
    ) -> None:
        path = tmp_path / "application.json"
        path.write_bytes(raw)
        answer = run("open", path) if from_file == "file" else run("open", "-", stdin=raw)
        assert (answer.exit, answer.out) == (Exit.data, "")
        assert answer.err.startswith(said)
        assert NEW[:17] not in answer.err

    def test_a_file_that_is_not_there_ends_with_65(self, run: Run, tmp_path: Path) -> None:
        assert run("open", tmp_path / "none.json").err.startswith("FILE_UNREADABLE: ")
        assert run("import", tmp_path / "none.csv", "--dry-run").exit == Exit.data

    def test_remedies_are_told_in_either_language_and_as_json(self, run: Run) -> None:
        remedy = REMEDIES[Code.REQUEST_NOT_JSON]
        assert remedy.zh in run("open", "-").err
        assert remedy.en in run("--lang", "en", "open", "-").err
        assert remedy.en in run("open", "-", "--lang", "en").err
        assert json.loads(run("-o", "json", "open", "-").err) == {
            "code": "REQUEST_NOT_JSON",
            "field": "",
            "remedy": remedy.zh,
        }


class TestDryRun:
    def test_it_needs_no_engine_and_reports_every_refused_row(self, run: Run) -> None:
        said = run("import", FOLDER / REGISTER_NORTH, "--dry-run", "-o", "json")
        assert said.exit == Exit.data
        refused = [(found["row"], found["column"], found["code"]) for found in said.json["rows"] if found["refused"]]
        assert sorted(code for _, _, code in refused) == [
            "NUMBER_CHECK_DIGIT",
            "NUMBER_LENGTH",
            "NUMBER_SPREADSHEET_DAMAGED",
            "ROW_REPEATED",
            "ROW_REPEATED",
        ]
        assert (said.json["opened"], said.json["repeated"], said.json["refused_rows"]) == (0, 2, 3)

    def test_json_lines_come_one_by_one_and_end_with_the_numbers(self, run: Run, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of([row_of(1), row_of(2, name="")]))
        first, last = run("import", path, "--dry-run", "-o", "jsonl").lines
        assert (first["row"], first["column"], first["code"]) == (3, "name", "NAME_EMPTY")
        assert (last["readable"], last["refused_rows"], last["codes"]) == (1, 1, {"NAME_EMPTY": 1})

    def test_where_the_headings_were_found_is_said_with_their_row(self, run: Run, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", "合成市登记表\r\n填表说明\r\n" + csv_of([row_of(1)]))
        first, last = run("import", path, "--dry-run", "-o", "jsonl").lines
        assert (first["row"], first["code"], first["refused"]) == (3, "HEADINGS_BELOW", False)
        assert last["readable"] == 1

    def test_the_error_file_has_rows_columns_codes_and_remedies_and_no_value(self, run: Run, tmp_path: Path) -> None:
        cells = [row_of(1, name="甲" * 101), row_of(2, number="=1+1"), row_of(3, region="@planted")]
        errors = tmp_path / "errors.csv"
        run("import", write_csv(tmp_path / "r.csv", csv_of(cells)), "--dry-run", "--errors", errors)
        raw = errors.read_bytes()
        assert raw.startswith(b"\xef\xbb\xbf")
        headings, *rows = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
        assert headings == ["row", "column", "code", "remedy_zh", "remedy_en"]
        assert rows == [
            [str(number), column, code.value, REMEDIES[code].zh, REMEDIES[code].en]
            for number, column, code in (
                (2, "姓名/name", Code.NAME_TOO_LONG),
                (3, "证件号码/number", Code.NUMBER_CHARACTERS),
                (4, "经办机构区划/region", Code.REGION_INVALID),
            )
        ]

    def test_no_output_of_any_form_repeats_a_value(self, run: Run, tmp_path: Path) -> None:
        planted = [row_of(1, name="甲乙丙" * 40), row_of(2, region="planted"), row_of(3, kind="planted"), row_of(4)]
        path = write_csv(tmp_path / "r.csv", csv_of([*planted, row_of(4), row_of(5)[:-1]]))
        for form in ("table", "json", "jsonl"):
            said = run("import", path, "--dry-run", "-o", form, "--errors", tmp_path / "e.csv")
            text = said.out + said.err + (tmp_path / "e.csv").read_text(encoding="utf-8-sig")
            for value in ("甲乙丙", "planted", "T0000004", cells_of(4)["number"], "合成人"):
                assert value not in text

    def test_a_table_shows_the_first_findings_and_how_many_there_are(self, run: Run, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of(row_of(person, name="") for person in range(80)))
        said = run("import", path, "--dry-run", "--lang", "en")
        assert said.out.count("NAME_EMPTY") == 50
        assert "30 more" in said.err

    def test_a_clean_register_ends_with_0_and_headings_that_do_not_do_with_65(self, run: Run, tmp_path: Path) -> None:
        assert run("import", write_csv(tmp_path / "r.csv", csv_of([row_of(1)])), "--dry-run").exit == Exit.fine
        said = run("import", write_csv(tmp_path / "r.csv", "姓名\n"), "--dry-run")
        assert said.exit == Exit.data
        assert "COLUMN_MISSING (personal_number): " in said.err

    def test_what_stands_before_a_damage_is_read_all_the_same(self, run: Run, tmp_path: Path) -> None:
        path = write_xlsx(tmp_path / "r.xlsx", [row_of(person) for person in range(4)])
        damaged = rewritten(path, "xl/worksheets/sheet1.xml", lambda raw: raw.replace(b'<row r="5"', b'<row r="4"'))
        said = run("import", damaged, "--dry-run", "-o", "json")
        assert (said.exit, said.json["readable"]) == (Exit.data, 3)
        assert [(found["row"], found["code"]) for found in said.json["rows"]] == [(0, "FILE_UNREADABLE")]

    def test_options_of_the_readers_are_passed_on(self, run: Run, tmp_path: Path) -> None:
        headings = ["personal_number", "name", "number", "region", "documents", "age"]
        document = f"照片|https://documents.example/1|image/png|1|{0:064x}"
        row = [*(cells_of(1)[name] for name in headings[:4]), document, "x"]
        path = write_csv(tmp_path / "r.csv", csv_of([row], headings))
        needed = ["--ignore-unknown", "--submitter", "clerk-1", "--document-host", "documents.example"]
        assert run("import", path, "--dry-run", *needed).exit == Exit.fine
        assert run("import", path, "--dry-run", *needed[:-2]).exit == Exit.data


def a_view() -> CaseView:
    document = Document(**paper().model_dump(exclude={"holder"}))
    return CaseView(
        case_id=CASE,
        kind=Kind.id_number_change,
        generation=1,
        version=3,
        status=Status.in_review,
        status_zh="审核中",
        milestone=Milestone.submitted,
        region="110105",
        category=Category.general,
        awaits=Awaits.clerk,
        submitter="clerk-1",
        documents=(document, document.model_copy(update={"sha256": "1" * 64})),
    )


def typed(document: Document) -> str:
    return "|".join((document.kind, document.uri, document.media_type, str(document.size), document.sha256))


OPTIONS: dict[Event, list[str]] = {
    Event.add_documents: ["--document", typed(scenes.ID_CARD)],
    Event.verify_documents: ["--original-seen", "--copy", scenes.ID_CARD.sha256],
    Event.return_documents: ["--defect", "居民身份证=复印件不清晰"],
    Event.approve: ["--content", "0" * 64],
    Event.reject: ["--legal-basis", "社会保险经办条例第三十一条"],
    Event.hold: ["--reason", "waiting_for_id_card", "--evidence", "police/2026-1"],
    Event.resume: [],
    Event.extend: ["--working-days", "5", "--evidence", "ext-1"],
    Event.withdraw: [],
    Event.resolve_dispute: ["--outcome", "ours", "--document", typed(scenes.CERTIFICATE)],
    Event.resolve_duplicate: [
        *("--same-person", "--document", typed(scenes.CERTIFICATE)),
        *("--legal-basis", "社会保险经办条例第十条"),
    ],
    Event.confirm_downstream: [
        *("--system", "medical_insurance", "--confirmed", "--reference", "mi-1"),
        *("--publication", scenes.PUBLICATION),
    ],
    Event.repair: ["--action", "retry", "--evidence", "op-1"],
    Event.hold_benefits: [
        "--legal-basis",
        "示例文件〔2026〕第1号",
        "--notice",
        "notice-1",
        "--served-on",
        scenes.NOW.date().isoformat(),
    ],
    Event.keep_benefits: ["--legal-basis", "示例文件〔2026〕第1号", "--because", "申请人正在住院"],
    Event.release_benefits: ["--legal-basis", "示例文件〔2026〕第1号"],
    Event.acknowledge: [],
    Event.person_ended: ["--reason", "death", "--evidence", "civil-1"],
    Event.confirm_loss: ["--evidence", "loss-1"],
    Event.card_found: [],
    Event.report_loss: ["--evidence", "loss-1"],
    Event.card_lost_on_way: ["--order", scenes.IN_FORCE, "--evidence", "post-1"],
    Event.card_handed_over: ["--by", "counter", "--evidence", "sig-1", "--order", scenes.IN_FORCE],
    Event.card_activated: ["--function", "social", "--order", scenes.IN_FORCE],
    Event.card_unclaimed: ["--record", "destroyed-1"],
    Event.card_not_activated: ["--legal-basis", "社会保障卡管理办法第十四条", "--evidence", "visit-1"],
    Event.card_destroyed: ["--record", "destroyed-1", "--order", scenes.IN_FORCE],
}


@pytest.fixture
def service(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:  # noqa: ARG001 - it clears the settings first
    """A service that takes everything in, of a case that stands at version 3."""
    answer = Answer(case_id=CASE, status=Status.in_review, milestone=Milestone.submitted, version=4)
    answers = {"GET": Answered(200, a_view().model_dump_json()), "POST": Answered(200, answer.model_dump_json())}
    with canned(answers) as answering:
        monkeypatch.setenv("CARDCASE_INTAKE_URL", answering.url)
        yield answering


def taken(asked: Asked, event: Event, case: str = CASE) -> Fact:
    """What the service takes a request for."""
    assert (asked.method, asked.path) == ("POST", f"/v1/cases/{case}/events/{event.value}")
    return fact_of(scenes.VERIFIER, case, event, asked.body, SEALER)


def by_the_caller(fact: Fact) -> Fact:
    """Whoever is logged in acts, whatever the fact says."""
    return fact.model_copy(update={"actor": scenes.VERIFIER, "stamp": None})


def as_typed(event: Event) -> tuple[dict[str, Any], Fact]:
    """A fact as it is written down whole, and what it says; a card's number and an address stand in clear."""
    fact = scenes.FACTS[event]
    raw = fact.model_dump(mode="json", exclude_unset=True, exclude={"card_token", "address_token"})
    for name, in_clear in (("card_number", CARD), ("address", ADDRESS)):
        if raw.get(name) is not None:
            raw[name] = in_clear
    return raw, by_the_caller(fact)


def same(one: Fact, other: Fact) -> bool:
    """Whether both say the same. What is sealed is another text each time, and the scenes' is nothing's."""
    apart = {"card_number", "card_token", "address", "address_token"}
    return type(one) is type(other) and one.model_dump(exclude=apart) == other.model_dump(exclude=apart)


class TestFacts:
    @pytest.mark.parametrize("event", OPTIONS)
    def test_options_say_the_fact(self, run: Run, service: Canned, event: Event) -> None:
        said = run(event.replace("_", "-"), CASE, *OPTIONS[event], "-o", "json")
        assert said.exit == Exit.fine, said.err
        (told,) = service.told
        assert same(taken(told, event), by_the_caller(scenes.FACTS[event]))
        assert "Idempotency-Key" not in told.headers
        assert said.json["version"] == 4

    @pytest.mark.parametrize("event", FACTS)
    def test_a_fact_may_be_given_whole(self, run: Run, service: Canned, event: Event) -> None:
        raw, fact = as_typed(event)
        typed_in = json.dumps(raw).encode()
        said = run(event.replace("_", "-"), CASE, "--json", "-", "--update-id", "again-1", stdin=typed_in)
        assert said.exit == Exit.fine, said.err
        (told,) = service.told
        assert same(taken(told, event), fact)
        assert told.headers["Idempotency-Key"] == "again-1"

    @pytest.mark.parametrize("event", FACTS)
    def test_a_form_that_names_its_case_and_event_is_taken_and_another_is_refused_as_such(
        self, run: Run, service: Canned, event: Event
    ) -> None:
        form, fact = as_typed(event)
        other = Event.hold if event is not Event.hold else Event.resume
        for heading, code in (
            ({"case": "idc-" + "b" * 26, "event": event.value}, "FORM_OF_ANOTHER_CASE"),
            ({"case": CASE, "event": other.value}, "FORM_OF_ANOTHER_EVENT"),
            ({"event": "11010519101231002X"}, "FORM_OF_ANOTHER_EVENT"),
            ({"case": 7}, "FORM_OF_ANOTHER_CASE"),
        ):
            said = run(event.replace("_", "-"), CASE, "--json", "-", stdin=json.dumps(form | heading).encode())
            assert (said.exit, said.err.partition(":")[0]) == (Exit.data, code)
            assert "11010519101231002X" not in said.err
        assert service.asked == []
        right = json.dumps(form | {"case": CASE, "event": event.value}).encode()
        assert run(event.replace("_", "-"), CASE, "--json", "-", stdin=right).exit == Exit.fine
        (told,) = service.told
        assert same(taken(told, event), fact)

    def test_who_speaks_for_the_applicant_is_named_and_their_number_is_no_option(
        self, run: Run, service: Canned
    ) -> None:
        assert run("withdraw", CASE, "--on-behalf", "applicant").exit == Exit.fine
        authority = ["--authority", f"{'a' * 64}=2027-01-31"]
        agent = ["withdraw", CASE, "--on-behalf", "agent", "--speaker-number-from", "-", *authority]
        assert run(*agent, stdin=f"{NEW}\n".encode()).exit == Exit.fine
        facts = [taken(told, Event.withdraw).model_dump()["on_behalf"] for told in service.told]
        assert facts[0] == {"kind": "applicant", "ref": CASE.partition("-")[2], "authority": None}
        assert (facts[1]["kind"], facts[1]["authority"]["until"]) == ("agent", date(2027, 1, 31))
        assert facts[1]["ref"] == SEALER.number_token(NEW)

    def test_all_copies_on_file_can_be_named_together(self, run: Run, service: Canned) -> None:
        run("verify-documents", CASE, "--original-seen", "--copies-on-file")
        (told,) = service.told
        assert told.body["copies"] == [document.sha256 for document in a_view().documents]

    @pytest.mark.parametrize("source", ["-", "file"])
    def test_the_number_of_a_made_card_comes_from_standard_input_or_a_file(
        self, run: Run, service: Canned, tmp_path: Path, source: str
    ) -> None:
        path = tmp_path / "card"
        path.write_text(f"{CARD}\n", encoding="ascii")
        order = order_id(CASE, 1, 1)
        made = ["card-produced", CASE, "--produced", "--batch", "b-1", "--order", order, "--card-number-from"]
        assert run(*made, "-" if source == "-" else path, stdin=f"{CARD}\n".encode()).exit == Exit.fine
        (told,) = service.told
        assert told.body == {"produced": True, "batch": "b-1", "order": order, "card_number": CARD}
        fact = taken(told, Event.card_produced)
        assert isinstance(fact, CardProduced)
        assert fact.card_token == SEALER.number_token(CARD)

    @pytest.mark.parametrize("source", ["-", "file"])
    def test_an_address_comes_from_standard_input_or_a_file_and_from_whoever_speaks(
        self, run: Run, service: Canned, tmp_path: Path, source: str
    ) -> None:
        path = tmp_path / "address"
        path.write_text(f"{ADDRESS}\n", encoding="utf-8")
        confirm = ["confirm-address", CASE, "--on-behalf", "applicant", "--address-from"]
        assert run(*confirm, "-" if source == "-" else path, stdin=ADDRESS.encode()).exit == Exit.fine
        (told,) = service.told
        assert told.body == {"on_behalf": {"kind": "applicant"}, "address": ADDRESS}
        assert run("confirm-address", CASE).exit == Exit.usage

    def test_a_card_that_was_not_made_has_no_number(self, run: Run, service: Canned) -> None:
        failed = ["card-produced", CASE, "--failed", "--batch", "b-1", "--order", scenes.IN_FORCE]
        assert run(*failed).exit == Exit.fine
        (told,) = service.told
        assert told.body["produced"] is False
        assert run(*failed, "--card-number-from", "-", stdin=CARD.encode()).exit == Exit.usage

    def test_a_case_that_was_told_before_says_so(self, run: Run, service: Canned) -> None:
        view = a_view().model_copy(update={"version": 4})
        service.answers["GET"] = Answered(200, view.model_dump_json())
        said = run("acknowledge", CASE, "--lang", "en")
        assert said.exit == Exit.fine
        assert "--update-id" in said.err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["add-documents", "--document", "x"], "FIELD_INVALID"),
            (["resolve-dispute", "--outcome", "ours", "--document", ";"], "FIELD_INVALID (police_document)"),
            (["withdraw", "--update-id", f"号 {NEW}"], "IDEMPOTENCY_KEY_INVALID"),
        ],
    )
    def test_what_cannot_be_sent_ends_with_65_and_is_not_repeated(
        self, run: Run, service: Canned, arguments: list[str], said: str
    ) -> None:
        command, *options = arguments
        answer = run(command, CASE, *options)
        assert (answer.exit, service.asked) == (Exit.data, [])
        assert answer.err.startswith(f"{said}: ")
        assert NEW not in answer.err


PROBLEM = {"type": "urn:cardcase:X", "title": "x", "remedy": {"zh": "请稍候", "en": "Wait."}}


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "exit_code"),
        [(422, 65), (400, 65), (403, 1), (404, 1), (409, 1), (412, 1), (429, 69), (500, 70), (503, 69), (504, 69)],
    )
    def test_what_the_service_refuses_ends_by_what_there_is_to_be_done(
        self, run: Run, service: Canned, status: int, exit_code: int
    ) -> None:
        problem = PROBLEM | {"status": status, "code": "OF_A_LATER_RELEASE", "errors": []}
        service.answers["GET"] = Answered(status, json.dumps(problem), "application/problem+json")
        said = run("show", CASE, "--lang", "en")
        assert (said.exit, said.out, said.err) == (exit_code, "", "OF_A_LATER_RELEASE: Wait.\n")

    def test_every_field_that_is_wrong_is_named_in_the_language_asked_for(self, run: Run, service: Canned) -> None:
        remedy = {"zh": "请更正", "en": "Correct it."}
        errors = [
            {"pointer": pointer, "code": "FIELD_INVALID", "remedy": remedy} for pointer in ("/documents/0/uri", "/note")
        ]
        problem = PROBLEM | {"status": 422, "code": "FIELD_INVALID", "errors": errors}
        service.answers["POST"] = Answered(422, json.dumps(problem), "application/problem+json")
        said = run("acknowledge", CASE)
        # What it knows itself it says in its own words: those over HTTP are for programs.
        words = REMEDIES[Code.FIELD_INVALID].zh
        assert (said.exit, said.err) == (
            65,
            f"FIELD_INVALID (documents.0.uri): {words}\nFIELD_INVALID (note): {words}\n",
        )

    def test_a_case_that_is_open_already_is_named(self, run: Run, service: Canned) -> None:
        problem = PROBLEM | {"status": 409, "code": "CASE_ALREADY_OPEN", "errors": [], "case_id": CASE}
        service.answers["GET"] = Answered(409, json.dumps(problem), "application/problem+json")
        said = run("show", CASE)
        assert (said.exit, said.err.splitlines()[0]) == (Exit.refused, CASE)
        assert said.err.splitlines()[1].startswith("CASE_ALREADY_OPEN: ")

    def test_something_before_the_service_that_answers_is_no_answer(self, run: Run, service: Canned) -> None:
        service.answers["GET"] = Answered(404, "<html>", "text/html")
        assert run("show", CASE).exit == Exit.unavailable

    def test_a_token_that_has_ended_ends_with_1(self, run: Run, service: Canned) -> None:
        problem = PROBLEM | {"status": 401, "code": "IDENTITY_EXPIRED", "errors": []}
        service.answers["GET"] = Answered(401, json.dumps(problem), "application/problem+json")
        said = run("show", CASE)
        assert (said.exit, said.err.split(":")[0]) == (Exit.refused, "IDENTITY_EXPIRED")


class TestList:
    ROW: ClassVar = {
        "case_id": CASE,
        "generation": 2,
        "kind": "IdNumberChange",
        "region": "130102",
        "category": "general",
        "status": "in_review",
        "milestone": "submitted",
        "version": 3,
        "policy": "north@4",
        "attention": [],
        "due_at": "2026-12-12T00:00:00+08:00",
        "opened_at": "2026-12-01T00:00:00+08:00",
        "moved_at": "2026-12-01T00:00:00+08:00",
    }

    def test_it_asks_for_what_is_due_first_and_shows_date_case_and_generation(self, run: Run, service: Canned) -> None:
        service.answers["GET"] = Answered(200, json.dumps({"cases": [self.ROW], "next": None}))
        said = run("list", "--region", "130000", "--kind", "id_number_change", "--lang", "en")
        (asked,) = service.asked
        said_so = {"sort=due", "region=130000", "kind=IdNumberChange", "limit=100"}
        assert set(asked.path.partition("?")[2].split("&")) == said_so
        headings, row = said.out.splitlines()
        assert headings.split()[:3] == ["due_at", "case_id", "generation"]
        assert row.startswith("by Friday 11 December 2026, 24:00  ")
        assert row.split()[6:8] == [CASE, "2"]

    @pytest.mark.parametrize("region", ["990000", "139900", "x", "0", "1301020"])
    @pytest.mark.parametrize("command", ["list", "leftovers"])
    def test_a_region_that_is_none_is_refused_before_anybody_is_asked(
        self, run: Run, service: Canned, command: str, region: str
    ) -> None:
        said = run(command, "--region", region)
        assert (said.exit, service.asked) == (Exit.data, [])
        assert said.err.startswith("REGION_INVALID (region): ")

    def test_nothing_found_is_said(self, run: Run, service: Canned) -> None:
        service.answers["GET"] = Answered(200, json.dumps({"cases": [], "next": None}))
        assert run("list", "--region", "13").err == "没有符合条件的案件。\n"
        assert run("list", "--region", "100000", "-o", "json").json == []


class TestImport:
    def test_a_service_that_is_not_there_ends_the_import_with_69(self, run: Run, tmp_path: Path) -> None:
        path = write_csv(tmp_path / "r.csv", csv_of(row_of(person) for person in range(3)))
        said = run("import", path)
        assert (said.exit, said.err.split(":")[0]) == (Exit.unavailable, "ENGINE_UNAVAILABLE")

    def test_a_file_of_no_known_type_is_not_sent(self, run: Run, service: Canned, tmp_path: Path) -> None:
        path = tmp_path / "register.txt"
        path.write_text("x", encoding="ascii")
        said = run("import", path)
        assert (said.exit, said.err.split(":")[0], service.asked) == (Exit.data, "FILE_TYPE_UNKNOWN", [])

    def test_a_row_that_was_left_alone_ends_with_69(self, run: Run, service: Canned, tmp_path: Path) -> None:
        """Of a job that somebody cancelled."""
        counts = {"read": 2, "done": 1, "refused": 0, "waiting": 0, "cancelled": 1}
        at = scenes.NOW.isoformat()
        job = {"id": "job-" + "a" * 26, "kind": "register", "state": "cancelled", "rows": counts, "begun_at": at}
        service.answers["POST"] = Answered(202, json.dumps(job | {"ended_at": at}))
        done = {"row": 2, "state": "done", "event": "open", "case_id": CASE, "status": "in_review"}
        left = {"row": 3, "state": "cancelled", "event": "open"}
        service.answers["GET"] = Answered(200, json.dumps({"rows": [done, left]}))
        said = run("import", write_csv(tmp_path / "r.csv", csv_of([row_of(1), row_of(2)])), "-o", "json")
        assert said.exit == Exit.unavailable
        assert (said.json["readable"], said.json["opened"], said.json["unanswered"]) == (2, 1, 1)
        (handed_in,) = service.told
        assert handed_in.path == "/v1/registers"
        assert handed_in.headers["Content-Type"] == "text/csv"
