"""The command line: what it takes, what it says, how it ends. Everything is synthetic."""

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

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
from cases.submitters import Citizen
from intake.applications import ApplicationCitizen, speaker_of
from intake.client import IN_FLIGHT, Opened, Unavailable
from intake.commands.invoking import Invocation
from intake.commands.saying import Exit
from samples.generate import FOLDER, REGISTER_NORTH
from tests import scenes
from tests.intake.applying import NEW, fields_of, number_change, paper
from tests.intake.calling import Run, sample_keys
from tests.intake.registering import cells_of, csv_of, rewritten, row_of, write_csv, write_xlsx

ROOT = Path(__file__).parents[2]
CASE = "idc-" + "a" * 26


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
            ["verify-documents", CASE, "--original-seen"],
            ["verify-documents", CASE, "--original-seen", "--copies-on-file", "--copy", "0" * 64],
            ["card-produced", CASE, "--failed", "--batch", "b-1", "--card-number-from", "-"],
            ["import"],
            ["import", "r.csv", "--in-flight", "0"],
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
        assert said.err.strip() == "Wrong usage; see --help. --reason, --evidence"

    @pytest.mark.parametrize(
        "command", ["open", "import", "show", "history", "list", "wait", *(event.replace("_", "-") for event in FACTS)]
    )
    def test_every_command_explains_itself(self, run: Run, command: str) -> None:
        said = run(command, "--help")
        assert said.exit == Exit.fine
        assert "Usage:" in said.out
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
        monkeypatch.setenv("CARDCASE_KEYFILE", "planted-value")
        monkeypatch.setenv("CARDCASE_LOG_LEVEL", "planted-value")
        said = run("show", CASE)
        assert said.exit == Exit.configuration
        assert {line.split(":")[0] for line in said.err.splitlines()} == {
            "CARDCASE_KEYFILE",
            "CARDCASE_LOG_LEVEL",
            "CARDCASE_KEY_FILE",
        }
        assert "planted-value" not in said.err

    @pytest.mark.usefixtures("offline")
    def test_a_server_that_is_not_there_ends_with_69(self, run: Run) -> None:
        said = run("show", CASE)
        assert said.exit == Exit.unavailable
        assert said.err.startswith("ENGINE_UNAVAILABLE: ")

    @pytest.mark.usefixtures("offline")
    def test_an_address_that_is_none_is_a_matter_of_configuration(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TEMPORAL_ADDRESS", "planted value:::")
        said = run("show", CASE)
        assert said.exit == Exit.configuration
        assert said.err.startswith("TEMPORAL_ADDRESS: ")
        assert "planted" not in said.err

    def test_an_unexpected_error_is_told_by_its_place_and_not_by_its_text(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answering(monkeypatch, Recorder(fail=KeyError("planted value")))
        said = run("show", CASE)
        assert said.exit == Exit.internal
        assert said.err.startswith("INTERNAL (KeyError, ")
        assert "planted" not in said.err


@pytest.fixture
def offline(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - it clears the settings first
    """Keys, and an address where nobody listens."""
    # The logging and the threads of this process belong to the tests.
    monkeypatch.setattr("intake.commands.invoking.configure_logging", lambda *_: None)
    monkeypatch.setattr("intake.commands.invoking.core_runtime", lambda: None)
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
            (
                json.dumps(fields_of(number_change()) | {"new_number": NEW[:17]}).encode(),
                "NUMBER_LENGTH (new_number): ",
            ),
            (json.dumps(fields_of(number_change()) | {"x": NEW}).encode(), "FIELD_UNKNOWN: "),
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


class Recorder:
    """Stands where the client stands and keeps what it was told."""

    confirms = False
    asked_to_confirm = False

    def __init__(self, fail: Exception | None = None, view: CaseView | None = None) -> None:
        self.fail = fail
        self.seen = view
        self.told: list[tuple[Fact, str | None]] = []
        self.made: list[tuple[Any, ...]] = []

    async def view(self, _case: str) -> CaseView:
        if self.fail is not None:
            raise self.fail
        assert self.seen is not None
        return self.seen

    async def tell(self, case: str, fact: Fact, *, update_id: str | None = None) -> Answer:
        self.told.append((fact, update_id))
        return Answer(case_id=case, status=Status.in_review, milestone=Milestone.submitted, version=4)

    def speaker(self, case: str, citizen: ApplicationCitizen) -> Citizen:
        return speaker_of(citizen, case.partition("-")[2], Sealer(KeyRing.sample()))

    async def card_produced(self, case: str, actor: Any, batch: str, card_number: str, **more: Any) -> Answer:
        self.made.append((case, actor, batch, card_number, more))
        return Answer(case_id=case, status=Status.ready, milestone=Milestone.submitted, version=4)

    async def confirm_address(self, case: str, actor: Any, address: str, **more: Any) -> Answer:
        self.made.append((case, actor, address, more))
        return Answer(case_id=case, status=Status.in_review, milestone=Milestone.submitted, version=4)

    async def open_each(self, applications: Any, *, in_flight: int) -> AsyncIterator[Opened]:
        for place, _ in enumerate(applications):
            assert place <= in_flight
            yield Opened(place, None, Unavailable(Code.ENGINE_TIMEOUT))


def answering(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> Recorder:
    @asynccontextmanager
    async def cases(_invocation: Invocation, *, confirming: bool = False) -> AsyncIterator[Recorder]:
        recorder.asked_to_confirm = confirming
        yield recorder

    monkeypatch.setattr(Invocation, "cases", cases)
    return recorder


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


def by_the_caller(fact: Fact) -> Fact:
    """Whoever is logged in acts, whatever the fact says."""
    return fact.model_copy(update={"actor": scenes.VERIFIER, "stamp": None})


class TestFacts:
    @pytest.mark.parametrize("event", OPTIONS)
    def test_options_say_the_fact(self, run: Run, monkeypatch: pytest.MonkeyPatch, event: Event) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        expected = by_the_caller(scenes.FACTS[event])
        said = run(event.replace("_", "-"), CASE, *OPTIONS[event], "-o", "json")
        assert said.exit == Exit.fine, said.err
        assert recorder.told == [(expected, None)]
        assert said.json["version"] == 4

    @pytest.mark.parametrize("event", FACTS)
    def test_a_fact_may_be_given_whole(self, run: Run, monkeypatch: pytest.MonkeyPatch, event: Event) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        fact = scenes.FACTS[event]
        raw = fact.model_dump_json(exclude_unset=True).encode()
        said = run(event.replace("_", "-"), CASE, "--json", "-", "--update-id", "again-1", stdin=raw)
        assert said.exit == Exit.fine, said.err
        assert recorder.told == [(by_the_caller(fact), "again-1")]

    @pytest.mark.parametrize("event", FACTS)
    def test_a_form_that_names_its_case_and_event_is_taken_and_another_is_refused_as_such(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, event: Event
    ) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        fact = scenes.FACTS[event]
        form = json.loads(fact.model_dump_json(exclude_unset=True))
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
        assert recorder.told == []
        right = json.dumps(form | {"case": CASE, "event": event.value}).encode()
        assert run(event.replace("_", "-"), CASE, "--json", "-", stdin=right).exit == Exit.fine
        assert [told for told, _ in recorder.told] == [by_the_caller(fact)]

    def test_who_speaks_for_the_applicant_is_named_and_their_number_is_no_option(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        assert run("withdraw", CASE, "--on-behalf", "applicant").exit == Exit.fine
        authority = ["--authority", f"{'a' * 64}=2027-01-31"]
        agent = ["withdraw", CASE, "--on-behalf", "agent", "--speaker-number-from", "-", *authority]
        assert run(*agent, stdin=f"{NEW}\n".encode()).exit == Exit.fine
        facts = [fact.model_dump()["on_behalf"] for fact, _ in recorder.told]
        assert facts[0] == {"kind": "applicant", "ref": CASE.partition("-")[2], "authority": None}
        assert (facts[1]["kind"], facts[1]["authority"]["until"]) == ("agent", date(2027, 1, 31))
        assert facts[1]["ref"] == Sealer(KeyRing.sample()).number_token(NEW)
        said = run("withdraw", CASE, "--on-behalf", "agent")
        assert (said.exit, said.err.split(":")[0]) == (Exit.data, "FIELD_MISSING (number)")
        assert len(recorder.told) == 2

    def test_all_copies_on_file_can_be_named_together(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        run("verify-documents", CASE, "--original-seen", "--copies-on-file")
        ((fact, _),) = recorder.told
        assert fact.model_dump()["copies"] == tuple(document.sha256 for document in a_view().documents)

    def test_the_number_of_a_made_card_comes_from_standard_input_or_a_file(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        path = tmp_path / "card"
        path.write_text("C0000001\n", encoding="ascii")
        order = order_id(CASE, 1, 1)
        made = ["card-produced", CASE, "--produced", "--batch", "b-1", "--order", order, "--card-number-from"]
        assert run(*made, "-", stdin=b"C0000001\n").exit == run(*made, path).exit == Exit.fine
        assert [(batch, number) for _, _, batch, number, _ in recorder.made] == [("b-1", "C0000001")] * 2
        assert [more["order"] for *_, more in recorder.made] == [order] * 2

    def test_an_address_comes_from_standard_input_or_a_file_and_from_whoever_speaks(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        path = tmp_path / "address"
        path.write_text("示例市示例区示例路1号\n", encoding="utf-8")
        confirm = ["confirm-address", CASE, "--on-behalf", "applicant", "--address-from"]
        assert run(*confirm, "-", stdin="示例市示例区示例路1号".encode()).exit == run(*confirm, path).exit == Exit.fine
        assert [address for _, _, address, _ in recorder.made] == ["示例市示例区示例路1号"] * 2
        assert [more["on_behalf"].kind for *_, more in recorder.made] == ["applicant"] * 2
        assert run("confirm-address", CASE).exit == Exit.usage

    def test_a_card_that_was_not_made_has_no_number(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        failed = ["card-produced", CASE, "--failed", "--batch", "b-1", "--order", scenes.IN_FORCE]
        assert run(*failed).exit == Exit.fine
        ((fact, _),) = recorder.told
        assert isinstance(fact, CardProduced)
        assert fact.produced is False
        assert run(*failed, "--card-number-from", "-", stdin=b"C0000001").exit == Exit.usage
        assert run("card-produced", CASE, "--produced", "--batch", "b-1", "--order", scenes.IN_FORCE).exit == Exit.data

    def test_a_case_that_was_told_before_says_so(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        answering(monkeypatch, Recorder(view=a_view().model_copy(update={"version": 4})))
        said = run("acknowledge", CASE, "--lang", "en")
        assert said.exit == Exit.fine
        assert "--update-id" in said.err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (
                ["hold-benefits", "--legal-basis", "示例文件第一号", "--notice", "n", "--served-on", "2026/11/02"],
                "DATE_INVALID",
            ),
            (["withdraw", "--note", f"号码 {NEW}"], "PII_IN_TEXT"),
            (["withdraw", "--note", "x" * 501], "TEXT_TOO_LONG"),
            (["approve", "--content", "x"], "FIELD_INVALID (content)"),
            (["add-documents", "--document", "x"], "FIELD_INVALID"),
            (["add-documents", "--document", f"旧卡|http://x/1|image/png|1|{0:064x}"], "DOCUMENT_URI_REFUSED (uri)"),
            (["resolve-dispute", "--outcome", "ours", "--document", ";"], "FIELD_INVALID (police_document)"),
            (["return-documents", "--defect", "x"], "FIELD_INVALID (defects.0.document)"),
            (["return-documents", "--defect", "旧卡="], "FIELD_INVALID (defects.0.problem)"),
            (["extend", "--working-days", "1000", "--evidence", "e"], "FIELD_INVALID (working_days)"),
            (["repair", "--action", "accept", "--evidence", "e"], "FIELD_INVALID (system)"),
        ],
    )
    def test_a_field_that_is_wrong_ends_with_65_and_is_not_repeated(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
    ) -> None:
        recorder = answering(monkeypatch, Recorder(view=a_view()))
        command, *options = arguments
        answer = run(command, CASE, *options)
        assert (answer.exit, recorder.told) == (Exit.data, [])
        assert answer.err.startswith(f"{said}: ")
        assert NEW not in answer.err

    def test_an_engine_that_answers_nobody_ends_the_import_with_69(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        answering(monkeypatch, Recorder())
        path = write_csv(tmp_path / "r.csv", csv_of(row_of(person) for person in range(100)))
        said = run("import", path, "-o", "json")
        assert said.exit == Exit.unavailable
        assert said.json["unanswered"] == IN_FLIGHT
        assert said.json["readable"] < 100
