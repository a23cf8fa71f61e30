"""A host of its own on this machine, a network namespace, that can lose its power. Root makes it, nobody else can."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Host:
    """`address` is this machine's, as seen from there."""

    name: str
    address: str

    @property
    def under(self) -> tuple[str, ...]:
        """What a command runs under to run there."""
        return ("ip", "netns", "exec", self.name)

    def vanish(self) -> None:
        """No goodbye, no refusal: nothing comes any more, and nothing arrives."""
        _ip("-n", self.name, "link", "set", "inside", "down")


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def another_host() -> Iterator[Host]:
    if os.geteuid() != 0:
        pytest.skip("a network namespace needs root")
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    number = os.getpid() % 16384
    name, network = f"faults{number}", f"10.{213 + number // 16384}.{number // 64}"
    ours, theirs = (f"{network}.{number % 64 * 4 + place}" for place in (1, 2))
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "inside", "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/30", "dev", "inside")
        _ip("-n", name, "link", "set", "inside", "up")
        yield Host(name, ours)
    finally:
        _ip("netns", "del", name)
