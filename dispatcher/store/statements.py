"""The statements, by name: `sql("fan_out")` is `sql/fan_out.sql`."""

from functools import cache
from importlib.resources import files

FOLDER = files("dispatcher.store") / "sql"


@cache
def sql(name: str) -> str:
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def names() -> list[str]:
    return sorted(entry.name.removesuffix(".sql") for entry in FOLDER.iterdir() if entry.name.endswith(".sql"))
