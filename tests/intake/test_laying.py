"""Lines break where a reader expects it, and tables between their cells."""

from rich.cells import cell_len

from intake.commands.laying import pairs, table, wrapped

HEADINGS = ("due_at", "case_id", "status", "region", "attention")
ROW = ("2026年12月11日（周五）24时前", "idc-" + "a" * 26, "in_review", "130102", "yellow\noverdue")
REMEDY = "此人已有在制的卡，请等待该卡制成，无需重复申请。" * 4


def test_words_stay_whole_and_chinese_marks_begin_no_line() -> None:
    assert wrapped("a case waits for its holder", 10) == ["a case", "waits for", "its holder"]
    assert wrapped("请等待，不必重复。", 8) == ["请等待，", "不必重", "复。"]
    assert wrapped("one\n\ntwo", 10) == ["one", "", "two"]
    assert wrapped("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 80):
        lines = [*table(HEADINGS, [ROW], width), *pairs([("remedy", REMEDY)], width), *wrapped(REMEDY, width)]
        assert max(map(cell_len, lines)) <= width


def test_a_table_that_has_room_is_a_line_for_each_row() -> None:
    lines = list(table(("a", "姓名"), [("1", "甲"), ("22", "乙")], 80))
    assert lines == ["a   姓名", "1   甲", "22  乙"]


def test_at_80_columns_a_row_goes_on_below_between_two_cells_and_each_cell_stays_whole() -> None:
    lines = list(table(HEADINGS, [ROW, ROW], 80))
    assert lines[:2] == [
        "due_at                        case_id                         status     region",
        "  attention",
    ]
    assert all(cell in lines[2] for cell in ROW[:-1])
    assert lines[3:5] == ["  yellow", "  overdue"]
    assert len(lines) == 2 + 2 * 3


def test_a_cell_alone_on_its_line_is_broken_only_where_it_has_no_room_there() -> None:
    lines = list(table(("code", "remedy"), [("PRECHECK_3", REMEDY)], 80))
    assert lines[2] == "PRECHECK_3"
    assert "".join(line.strip() for line in lines[3:]) == REMEDY
