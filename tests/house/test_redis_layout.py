"""What a script keeps under a name of ours stands in the two tables of the layout."""

import re

from tests.house.source import ROOT, none

STORE = ROOT / "src" / "headrace" / "storage" / "redis"
TABLES = (ROOT / "docs" / "internals" / "redis-layout.md", STORE / "keys.py")
FIELD = re.compile(r"'(hr[a-z]*)'")
KEY = re.compile(r"(?:ours_key\(K, |ours_of\(\w+, |ours \.\. )'([a-z]+)'")


def test_every_field_and_key_of_ours_is_in_the_tables() -> None:
    code = "\n".join(re.sub("--.*", "", path.read_text(encoding="utf-8")) for path in sorted(STORE.rglob("*.lua")))
    names = {*FIELD.findall(code), *KEY.findall(code)} - {"hr"}
    assert {"hrl", "hrmax", "parked", "ever"} <= names
    lost = [
        f"{table.relative_to(ROOT)} does not name {name}"
        for table in TABLES
        for name in sorted(names)
        if not re.search(rf"\b{name}\b", table.read_text(encoding="utf-8"))
    ]
    none(lost, "Say what it is, who writes it, and when it goes")
