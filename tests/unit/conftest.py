import socket

import pytest


@pytest.fixture(autouse=True)
def _no_sockets(monkeypatch):
    """Judgement needs no world: a test here that opens a socket is in the wrong folder."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a unit test opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
