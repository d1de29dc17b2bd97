"""The codec server's own pages, for people: who is logged in, and the form that reveals one case. No script in them."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Final

from activities.registry.journal import SHORTEST_REASON
from activities.registry.reveals import LASTS, Reveal
from cases.clocks import SHANGHAI
from cases.errors import REMEDIES, Code
from cases.models import Actor
from cases.text import LONGEST_TEXT
from gate.access import REVEALS, SEES

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a browser lets these pages do: show themselves, and send their own forms here."""


def page_of_nobody(code: Code | None = None) -> str:
    """The page before a login; with the reason where logging in went wrong."""
    return _page(f'{_said(code)}<p>尚未登录。Not logged in.</p><p><a class="act" href="/login">登录 · Log in</a></p>')


def page_of(actor: Actor, revealed: Sequence[Reveal], ui_url: str | None, code: Code | None = None) -> str:
    """The page after a login: what the caller may see, and how to reveal a case."""
    parts = [
        _said(code),
        f"<p>已登录 Logged in: <b>{escape(actor.id)}</b> · {escape(actor.role.value)} · {escape(actor.office)}</p>",
        _may(actor),
    ]
    if ui_url is not None:
        parts.append(f'<p><a class="act" href="{escape(ui_url, quote=True)}">打开案件列表 · Open the Web UI</a></p>')
    if actor.role in REVEALS:
        parts += [_FORM, _open(revealed)]
    parts.append('<form method="post" action="/logout"><button>退出 · Log out</button></form>')
    return _page("".join(parts))


def _said(code: Code | None) -> str:
    if code is None:
        return ""
    remedy = REMEDIES[code]
    return f'<p class="refused"><b>{code}</b> {escape(remedy.zh)} {escape(remedy.en)}</p>'


def _may(actor: Actor) -> str:
    if actor.role not in SEES:
        return "<p>您的岗位不能查看案件内容。Your role sees no cases.</p>"
    masked = (
        "只能查看本机构所辖案件，姓名和号码以掩码显示（号码只显示后两位）。"
        "You see the cases that your office answers for; names and numbers are masked, of a number the last two show."
    )
    return f"<p>{masked}</p>"


def _open(revealed: Sequence[Reveal]) -> str:
    if not revealed:
        return "<p>目前没有以明文显示的案件。No case is shown in clear now.</p>"
    rows = "".join(f"<tr><td>{escape(one.case_id)}</td><td>{_time(one.until)}</td></tr>" for one in revealed)
    return f"<table><tr><th>明文显示的案件 Shown in clear</th><th>至 Until</th></tr>{rows}</table>"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _page(body: str) -> str:
    return _PAGE.format(body=body)


_MINUTES: Final = LASTS.seconds // 60
_FORM: Final = f"""
<form method="post" action="/reveal">
<h2>查看明文 · Reveal one case</h2>
<p>将记入审计并计数，{_MINUTES}分钟内有效，仅限本人、本案。
It is audited and counted, lasts {_MINUTES} minutes, and holds for you and this case alone.</p>
<label>案件编号 Case ID <input name="case" required maxlength="64" autocomplete="off"></label>
<label>事由（勿写姓名、号码）Reason, without names and numbers
<input name="reason" required minlength="{SHORTEST_REASON}" maxlength="{LONGEST_TEXT}" autocomplete="off"></label>
<button>查看 · Reveal</button>
</form>
"""

_PAGE: Final = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>cardcase: 登录与明文 · access</title>
<style>
body {{ font: 16px/1.6 system-ui, "Noto Sans CJK SC", sans-serif; margin: 2rem auto; max-width: 44rem }}
label {{ display: block; margin: .6rem 0 }}
input {{ display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .4rem }}
button, .act {{ font: inherit; padding: .4rem 1rem }}
form {{ border-top: 1px solid #ddd; margin-top: 1.5rem; padding-top: 1rem }}
table {{ border-collapse: collapse; margin-top: 1rem }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3rem .8rem .3rem 0; text-align: left }}
.refused {{ border-left: 4px solid #a00; padding-left: .8rem }}
</style>
<h1>cardcase</h1>
{body}
</html>
"""
