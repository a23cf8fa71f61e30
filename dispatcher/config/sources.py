"""Where values come from: the file, then the environment, then credentials; each problem names its source."""

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dispatcher.config.settings import Settings
from dispatcher.errors import ConfigError

DEFAULT_FILE = Path("/etc/dispatcher/dispatcher.toml")
PREFIX = "DISPATCHER_"
CREDENTIAL = "credential "
"""What comes from one is never repeated in a message, nor is what SILENT lists: it may hold a password, or keys
in the place of their path."""
LONGEST_SHOWN = 200
SILENT = {("database", "dsn"), ("egress", "proxy"), ("secrets", "keys_file")}
EXAMPLES = {
    "allow_networks": '["10.0.0.0/8"]',
    "deny_networks": '["10.0.0.0/8"]',
    "allow_hosts": '["localhost"]',
    "deny_hosts": '["*.example.com"]',
    "ports": "[443, 8443]",
}

Key = tuple[str, str]
Values = dict[str, dict[str, Any]]


def shipped() -> str:
    """The text of `config/dispatcher.toml`: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent.parent
    here = package / "dispatcher.toml"
    return (here if here.exists() else package.parent / "config" / "dispatcher.toml").read_text(encoding="utf-8")


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the configuration: `file` (or the default one, if it exists) < `DISPATCHER_…` < credentials.

    Raises `ConfigError` with a line for each problem: section.key, where it came from, what is allowed.
    """
    problems: list[str] = []
    values: Values = {}
    origin: dict[Key, str] = {}
    for source, key, value in _gathered(file, environ, problems):
        values.setdefault(key[0], {})[key[1]] = value
        origin[key] = source
    settings = Settings()
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(each, origin, values) for each in error.errors(include_url=False)]
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def origins(file: Path | None, environ: Mapping[str, str]) -> list[str]:
    """Where the configuration has its values from: the file, then variables, then credentials; no value, no source."""
    return list(dict.fromkeys(source for source, _, _ in _gathered(file, environ, [])))


def source_of_keys(file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Where each `section.key` that is set has the value from that counts; what is not among them has its default."""
    return {".".join(key): source for source, key, _ in _gathered(file, environ, [])}


def _gathered(file: Path | None, environ: Mapping[str, str], problems: list[str]) -> list[tuple[str, Key, Any]]:
    return [
        *_from_file(file, problems),
        *_from_environ(environ, problems),
        *_from_credentials(environ, problems),
    ]


def _sections() -> dict[str, type[BaseModel]]:
    return {
        name: field.annotation for name, field in Settings.model_fields.items() if isinstance(field.annotation, type)
    }


def _keys() -> list[Key]:
    return [(section, key) for section, model in _sections().items() for key in model.model_fields]


def _from_file(file: Path | None, problems: list[str]) -> Iterator[tuple[str, Key, Any]]:
    path = file if file is not None else DEFAULT_FILE
    try:
        if file is None and not path.exists():
            return
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        problems.append(
            f"{path}: {error.strerror if isinstance(error, OSError) else error}; it must be a readable TOML file"
        )
        return
    for section, table in parsed.items():
        if section not in _sections():
            problems.append(f"{path}: unknown section [{section}]{_nearest(section, list(_sections()))}")
        elif not isinstance(table, dict):
            problems.append(f"{path}: {section} is not a section; write [{section}] and its keys below")
        else:
            for key, value in table.items():
                if (section, key) in _keys():
                    yield str(path), (section, key), value
                else:
                    problems.append(f"{path}: unknown key {section}.{key}{_nearest_key(section, key)}")


def _from_environ(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Key, Any]]:
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if (section, key) in _keys():
            yield name, (section, key), _parsed((section, key), environ[name])
        else:
            problems.append(f"unknown variable {name}{_nearest_variable(name)}")


def _from_credentials(environ: Mapping[str, str], problems: list[str]) -> Iterator[tuple[str, Key, Any]]:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    for section, key in _keys() if folder else ():
        path = Path(folder or "") / f"{section}.{key}"
        try:
            if path.is_file():
                text = path.read_text("utf-8").rstrip("\r\n")
                yield f"{CREDENTIAL}{path.name}", (section, key), _parsed((section, key), text)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            problems.append(f"{section}.{key} ({CREDENTIAL}{path.name}): {why}; it must be a readable text file")


def _parsed(key: Key, text: str) -> Any:  # noqa: ANN401 as TOML would have given it
    """A list arrives as JSON, everything else as text that pydantic reads."""
    annotation = str(_sections()[key[0]].model_fields[key[1]].annotation)
    if not annotation.startswith("tuple"):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _sentence(error: ErrorDetails, origin: dict[Key, str], values: Values) -> str:
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")  # about keys that do not go together: it names them itself
    section, key = str(error["loc"][0]), str(error["loc"][1]) if len(error["loc"]) > 1 else ""
    value = values.get(section, {}).get(key)
    source = origin.get((section, key), "unknown")
    silent = (section, key) in SILENT or source.startswith(CREDENTIAL)
    given = "" if silent else f" is {str(value)[:LONGEST_SHOWN]!r}:"
    what = error["msg"].removeprefix("Value error, ")
    if error["type"] == "tuple_type":
        what = f"it must be a {'JSON ' if source.startswith(PREFIX) else ''}list such as {EXAMPLES[key]}"
    if error["type"] in {"bool_parsing", "bool_type"}:
        what = "it must be true or false"
    return f"{section}.{key} ({source}){given} {what[:1].lower()}{what[1:]}"


def _nearest(name: str, names: list[str]) -> str:
    found = get_close_matches(name, names, 1, 0.5)
    return f"; did you mean {found[0]}?" if found else f"; known are {', '.join(names)}" if len(names) < 10 else ""


def _nearest_variable(name: str) -> str:
    names = [f"{section}__{key}".upper() for section, key in _keys()]
    found = get_close_matches(name.removeprefix(PREFIX).upper(), names, 1)
    return f"; did you mean {PREFIX}{found[0]}?" if found else f"; they are called {PREFIX}<SECTION>__<KEY>"


def _nearest_key(section: str, key: str) -> str:
    elsewhere = [f"{s}.{k}" for s, k in _keys() if k == key]
    return f"; did you mean {elsewhere[0]}?" if elsewhere else _nearest(key, list(_sections()[section].model_fields))
