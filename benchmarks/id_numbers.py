"""How long one check of a resident ID number takes, beside python-stdnum's `cn.ric` in the same run.

    python -m benchmarks.id_numbers

Not `python benchmarks/numbers.py`: a script's own directory comes first on the path, and this file would then stand in
for the standard library's `numbers`.

Exits with 1 if a check takes longer than the budget. Figures are the best of several rounds, because noise only adds.
The two do not do the same work: `cn.ric` looks for the county too, but refuses permits and counties without a match,
and knows no 15 digits, no advice and no future. The comparison is over numbers that both accept.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import date

from stdnum.cn import ric

from cases import numbers
from cases.errors import CaseError

BUDGET_MICROSECONDS = 40.0
ROUNDS = 7
TODAY = date(2026, 8, 31)


def synthetic_numbers() -> list[str]:
    """Build valid 18-digit numbers from all over the country that both implementations accept."""
    provinces = ("110105", "130102", "210102", "320102", "370102", "420102", "440103", "510104", "620102", "650102")
    old = [
        f"{division}{year:02d}0{month}15{sequence:03d}"
        for division in provinces
        for year in range(0, 31, 2)
        for month in (1, 6)
        for sequence in (1, 500)
    ]
    return [number for number in map(numbers.derive, old) if ric.is_valid(number)]


def microseconds(check: Callable[[str], object], cells: Sequence[str]) -> float:
    """Measure one call of `check`, in microseconds, as the mean over `cells` in the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for cell in cells:
            check(cell)
        best = min(best, time.perf_counter() - begin)
    return best / len(cells) * 1e6


def refuses(cell: str) -> bool:
    """Whether a cell is refused; the refusal itself is what is timed."""
    try:
        numbers.normalise(cell)
    except CaseError:
        return True
    return False


def main() -> int:
    """Print microseconds and ratios; 1 where a check is over its budget."""
    new = synthetic_numbers()
    old = [number[:6] + number[8:17] for number in new]
    wide = ["".join(chr(ord(character) + 0xFEE0) for character in number) for number in new]
    derived = dict(zip(new, old, strict=True))

    def check(cell: str) -> object:
        return numbers.validate(numbers.normalise(cell).text, TODAY)

    def classify(number: str) -> object:
        return numbers.classify(derived[number], number, same_name=True, held_by_other=False, today=TODAY)

    reference = microseconds(ric.validate, new)
    measured = {
        "normalise + validate, 18 digits": microseconds(check, new),
        "normalise + validate, 18 full-width": microseconds(check, wide),
        "normalise + validate, 15 digits": microseconds(check, old),
        "derive": microseconds(numbers.derive, old),
        "classify": microseconds(classify, new),
        "refuse 100,000 characters": microseconds(refuses, ["1" * 100_000] * 200),
    }
    print(f"{len(new)} synthetic numbers, best of {ROUNDS} rounds, Python {sys.version.split()[0]}")
    print(f"{'':36}{'µs a check':>12}{'of cn.ric':>12}")
    print(f"{'python-stdnum cn.ric.validate':36}{reference:12.2f}{1:12.2f}")
    for name, value in measured.items():
        print(f"{name:36}{value:12.2f}{value / reference:12.2f}")
    return 0 if max(measured.values()) <= BUDGET_MICROSECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
