"""The season drawn: open cases by milestone, rungs per level and day, decisions, load per hour; one column per policy.

Needs matplotlib, which the extra `rehearsal` brings; figures come without it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.dates import MO, ConciseDateFormatter, MonthLocator, WeekdayLocator, date2num
from matplotlib.figure import Figure

from rehearsal.figures import OPEN_MILESTONES, Figures

# --- words ----------------------------------------------------------------------------------------------------------

_CHINESE_FONTS: Final = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Source Han Sans SC",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Heiti SC",
    "Arial Unicode MS",
)
"""Any of these shows the Chinese words; where none is installed the plot is in English."""

_MILESTONES: Final = {
    "submitted": ("已受理", "submitted", "#9db4c8"),
    "documents_verified": ("材料已核验", "documents verified", "#4f7ea8"),
    "number_updated": ("号码已变更", "number updated", "#1d4568"),
}
_RUNGS: Final = {
    "blue_0": ("蓝色（一）", "blue 0", "#a9cdf0"),
    "blue_1": ("蓝色（二）", "blue 1", "#3f86cf"),
    "yellow": ("黄色", "yellow", "#f2c230"),
    "orange": ("橙色", "orange", "#ee7f1b"),
    "red": ("红色", "red", "#c9242b"),
    "deadline": ("请求决定", "decision", "#5b1a68"),
    "after_deadline": ("逾期未变更", "D + 5", "#222222"),
}
_DECISIONS: Final = {
    "asked": ("请求决定", "asked for", "#5b1a68"),
    "held": ("决定暂停发放待遇", "benefits held", "#c9242b"),
    "updated_later": ("其后变更完成", "updated later", "#4f7ea8"),
    "closed_otherwise": ("其他办结", "closed otherwise", "#888888"),
    "still_open": ("仍在办", "still open", "#ee7f1b"),
}
_SIZE: Final = (9.0, 13.0)
"""Inches of one column."""
_DOTS_PER_INCH: Final = 130


def draw(seasons: Sequence[Figures], folder: Path, name: str = "season") -> tuple[Path, Path]:
    """Draw seasons side by side, on the same scales, as PNG and SVG in a folder; answers the files."""
    font = _chinese_font()
    words = _Words(chinese=font is not None)
    with mpl.rc_context(
        {
            "font.family": ([font] if font is not None else []) + ["DejaVu Sans"],
            # Letters become outlines: an SVG looks the same wherever it is opened.
            "svg.fonttype": "path",
            # The same season gives the same file.
            "svg.hashsalt": "cardcase",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
            "axes.axisbelow": True,
        }
    ):
        figure = _figure(seasons, words)
        files = folder / f"{name}.png", folder / f"{name}.svg"
        figure.savefig(files[0], dpi=_DOTS_PER_INCH)
        # Where everything stands is known by now.
        figure.set_layout_engine("none")
        figure.savefig(files[1], metadata={"Date": None})
    return files


class _Words:
    def __init__(self, *, chinese: bool) -> None:
        self._chinese = chinese

    def __call__(self, zh: str, en: str) -> str:
        return f"{zh} {en}" if self._chinese else en


def _chinese_font() -> str | None:
    installed = set(font_manager.get_font_names())
    return next((font for font in _CHINESE_FONTS if font in installed), None)


def _figure(seasons: Sequence[Figures], words: _Words) -> Figure:
    figure = Figure(figsize=(_SIZE[0] * len(seasons), _SIZE[1]), layout="constrained")
    axes = figure.subplots(4, len(seasons), sharex="row", sharey="row", squeeze=False, height_ratios=(3, 3, 2, 1.6))
    for column, season in enumerate(seasons):
        _open_cases(axes[0, column], season, words)
        _rungs(axes[1, column], season, words)
        _load(axes[2, column], season, words)
        _decisions(axes[3, column], season, words)
    first = seasons[0]
    title = words("演练", "Rehearsal")
    figure.suptitle(
        f"{title} {first.days[0]} – {first.days[-1]} · {first.cases} {words('件', 'cases')} · "
        f"{words('种子', 'seed')} {first.seed} · {words('合成数据', 'synthetic data')}"
    )
    return figure


# --- panels ---------------------------------------------------------------------------------------------------------


def _open_cases(axes: Axes, season: Figures, words: _Words) -> None:
    shown = [_MILESTONES[milestone.value] for milestone in OPEN_MILESTONES]
    axes.stackplot(
        _days(season),
        *(season.open_cases[milestone.value] for milestone in OPEN_MILESTONES),
        labels=[words(zh, en) for zh, en, _ in shown],
        colors=[colour for _, _, colour in shown],
        step="mid",
    )
    axes.annotate(season.policy, (0.5, 1.13), xycoords="axes fraction", ha="center", fontsize="x-large")
    axes.set_title(words("在办案件（按里程碑）", "open cases by milestone"))
    axes.set_ylabel(words("件", "cases"))
    _calendar(axes, season, words)
    axes.legend(loc="upper left", frameon=False)


def _rungs(axes: Axes, season: Figures, words: _Words) -> None:
    axes.stackplot(
        _days(season),
        *(season.rungs[rung] for rung in _RUNGS),
        labels=[words(zh, en) for zh, en, _ in _RUNGS.values()],
        colors=[colour for _, _, colour in _RUNGS.values()],
        step="mid",
    )
    axes.set_title(words("每日督办（按级别）", "rungs per level and day"))
    axes.set_ylabel(words("次/日", "rungs per day"))
    _calendar(axes, season, words)
    axes.legend(loc="upper left", frameon=False, ncols=2)


def _load(axes: Axes, season: Figures, words: _Words) -> None:
    hours = list(range(24))
    axes.bar(
        hours, season.mean_load, 0.8, align="edge", color="#4f7ea8", label=words("工作日平均", "mean of working days")
    )
    axes.plot(
        [hour + 0.4 for hour in hours], season.peak_load, "o", color="#c9242b", label=words("最高", "most in one hour")
    )
    axes.set_title(words("每小时负载", "load per hour"))
    axes.set_xlabel(words("时（上海）", "hour of the day (Asia/Shanghai)"))
    axes.set_ylabel(words("步/时", "transitions per hour"))
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3))
    axes.legend(loc="upper left", frameon=False)


def _decisions(axes: Axes, season: Figures, words: _Words) -> None:
    # A horizontal bar chart begins below.
    shown = list(reversed(_DECISIONS.items()))
    labels = [words(zh, en) for _, (zh, en, _) in shown]
    counts = [getattr(season.decisions, name) for name, _ in shown]
    bars = axes.barh(labels, counts, color=[colour for _, (_, _, colour) in shown])
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    axes.set_title(words("集中变更期限届满时的决定", "decisions at the campaign date"))
    axes.set_xlabel(words("件", "cases"))


def _calendar(axes: Axes, season: Figures, words: _Words) -> None:
    axes.set_xlim(date2num(season.days[0]) - 0.5, date2num(season.days[-1]) + 0.5)
    locator = MonthLocator(bymonthday=(1, 15))
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.xaxis.set_minor_locator(WeekdayLocator(MO))
    axes.set_xlabel(words("日期", "day"))
    axes.axvline(
        date2num(season.campaign_ends) + 0.5,
        color="#5b1a68",
        linestyle="--",
        linewidth=1,
        label=words("集中变更期限", "D"),
    )


def _days(season: Figures) -> list[float]:
    return [float(date2num(day)) for day in season.days]
