"""The offices of the sample registers' regions, and codes for people at their posts. Nobody stands behind a code."""

from collections.abc import Iterator
from typing import Final

from cases.offices import MINISTRY, Directory, Duty, Level, Office, Post

_PROVINCES: Final = {
    "110000": "北京市",
    "130000": "河北省",
    "210000": "辽宁省",
    "310000": "上海市",
    "320000": "江苏省",
    "440000": "广东省",
    "510000": "四川省",
    "610000": "陕西省",
}
_MUNICIPALITIES: Final = {
    "130100": "石家庄市",
    "210100": "沈阳市",
    "320100": "南京市",
    "440100": "广州市",
    "510100": "成都市",
    "610100": "西安市",
}
_AGENCIES: Final = {
    "110105": "朝阳区",
    "130102": "长安区",
    "210102": "和平区",
    "310104": "徐汇区",
    "320102": "玄武区",
    "440103": "荔湾区",
    "510104": "锦江区",
    "610102": "新城区",
}
_DUTIES: Final = {
    Level.agency: (Duty.clerk, Duty.team_lead, Duty.supervisor),
    Level.municipality: (Duty.supervisor, Duty.head),
    Level.province: (Duty.supervisor, Duty.head),
    Level.ministry: (Duty.supervisor,),
}
_HEADING: Final = """\
# Offices and posts of the regions of the sample registers. Synthetic (合成数据): no code stands for a person.
# A post is held by rank 0; ranks 1, 2 … stand in while those before them are absent.
"""


def directory() -> Directory:
    """The sample directory: the highest level first, each office with a holder and a deputy at each of its posts."""
    offices = tuple(_offices())
    posts = (
        Post(office=office.code, role=duty, staff=f"{duty.value.replace('_', '-')}-{office.code}-{rank + 1}", rank=rank)
        for office in offices
        for duty in _DUTIES[office.level]
        for rank in (0, 1)
    )
    return Directory(offices=offices, posts=tuple(posts))


def as_toml(directory: Directory) -> bytes:
    """A directory as a file that people review."""
    parts = [_HEADING]
    for office in directory.offices:
        desk = (
            f'address = "{office.address}"\nhours = "{office.hours}"\nphone = "{office.phone}"\n'
            if office.phone
            else ""
        )
        parent = f'parent = "{office.parent}"\n' if office.parent is not None else ""
        parts.append(
            f'[[offices]]\ncode = "{office.code}"\nlevel = "{office.level.value}"\n'
            f'{parent}name = "{office.name}"\n{desk}'
        )
    parts += [
        f'[[posts]]\noffice = "{post.office}"\nrole = "{post.role.value}"\nstaff = "{post.staff}"\nrank = {post.rank}\n'
        for post in directory.posts
    ]
    return "\n".join(parts).encode()


def contacts(directory: Directory) -> list[tuple[str, ...]]:
    """A mail address for everybody at a post, under a name that never resolves (RFC 2606)."""
    staff = sorted({post.staff for post in directory.posts})
    return [
        ("工号", "渠道", "地址", "顺位", "语言"),
        *((one, "邮件", f"{one}@example.invalid", "0", "中文") for one in staff),
    ]


def _offices() -> Iterator[Office]:
    yield Office(code=MINISTRY, level=Level.ministry, name="示例社会保险主管部门（部级）")
    for code, name in _PROVINCES.items():
        yield Office(code=code, level=Level.province, parent=MINISTRY, name=f"{name}社会保险主管部门（示例）")
    for code, name in _MUNICIPALITIES.items():
        yield Office(
            code=code, level=Level.municipality, parent=f"{code[:2]}0000", name=f"{name}社会保险主管部门（示例）"
        )
    for code, name in _AGENCIES.items():
        # Districts of a municipality under the central government report to it directly.
        municipality = f"{code[:4]}00"
        parent = municipality if municipality in _MUNICIPALITIES else f"{code[:2]}0000"
        yield Office(
            code=code,
            level=Level.agency,
            parent=parent,
            name=f"{name}社会保险经办机构（示例）",
            address=f"{name}示例路{code[-2:]}号政务服务中心",
            hours="周一至周五8:30—12:00、13:30—17:00",
            # No number begins with 000.
            phone=f"000-{code[:4]}-12333",
        )
