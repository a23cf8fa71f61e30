"""What `dispatcher check` says, by its lines."""

from tests.support.commands import told

NAMES = [
    "configuration", "database", "pooler", "writable", "schema", "installation", "privileges", "connections", "clock",
    "partitions", "vacuum", "work", "profiles", "secrets", "dns", "trust", "egress", "files",
]  # fmt: skip
PLAIN = {"egress__allow_http": "false", "egress__allow_networks": "[]"}
OF_DATABASE = NAMES[1:14]


def checked(dsn: str, **settings: object) -> dict[str, tuple[str, str]]:
    """(grade, what is said) of each line; the exit code says whether one failed."""
    code, made = told("check", dsn=dsn, **{**PLAIN, **settings})
    found = {
        each["name"]: (each["grade"], " ".join(filter(None, (each["found"], each["remedy"]))))
        for each in made["checks"]
    }
    assert [name for name in found if name != "proxy" or "egress__proxy" not in settings] == NAMES
    any_failed = any(grade == "failed" for grade, _ in found.values())
    assert (code, made["ok"]) == (int(any_failed), not any_failed)
    return found
