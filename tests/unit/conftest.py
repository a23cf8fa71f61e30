import socket
from collections.abc import Callable, Mapping

import pytest

from dispatcher.config import Settings, load


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch):
    """Judgement needs no world: a test here that opens a socket is in the wrong folder."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a unit test opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.fixture
def configure(tmp_path) -> Callable[..., Settings]:
    """`load`, from the text of a file, variables and credentials."""

    def configured(
        text: str | bytes = "", environ: Mapping[str, str] | None = None, credentials: Mapping[str, str] | None = None
    ) -> Settings:
        file = tmp_path / "dispatcher.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        for name, value in (credentials or {}).items():
            (folder / name).write_text(value, "utf-8")
        return load(file, {"CREDENTIALS_DIRECTORY": str(folder), **(environ or {})})

    return configured
