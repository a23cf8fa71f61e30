"""A unit of systemd's, as an operator handles it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.eventually import eventually
from tests.support.machine import Machine

QUICK = "[Service]\nWatchdogSec=3s\n"
EGRESS = 'allow_http = true\nallow_networks = ["127.0.0.0/8"]\n'


@dataclass(frozen=True)
class Service:
    """One unit and its configuration file; `cursor` is where its journal began for this test."""

    machine: Machine
    unit: str
    file: str
    cursor: str

    def configure(self, dsn: str = "", **sections: str) -> None:
        """That database, receivers on this machine; a section replaces what is said of it."""
        parts = {"database": f'dsn = "{dsn}"\n' if dsn else "", "egress": EGRESS, "admin": 'listen = ""\n', **sections}
        self.machine.write(self.file, "".join(f"[{name}]\n{keys}" for name, keys in parts.items()))

    async def drop_in(self, name: str, text: str) -> None:
        self.machine.write(f"/etc/systemd/system/{self.unit}.service.d/{name}.conf", text)
        await self.machine.run("systemctl", "daemon-reload")

    async def start(self) -> None:
        code, said = await self.machine.tried("systemctl", "start", self.unit)
        assert code == 0, [said, *await self.journal()]

    async def show(self, name: str) -> str:
        return await self.machine.run("systemctl", "show", "--value", "-p", name, self.unit)

    async def pid(self) -> int:
        """Of the main process, as the machine counts."""
        return int(await self.show("MainPID"))

    async def restarts(self) -> int:
        return int(await self.show("NRestarts"))

    async def kill(self, signal: str) -> None:
        await self.machine.run("kill", f"-{signal}", await self.pid())

    async def journal(self, form: str = "cat") -> list[str]:
        """What the service and systemd said of it."""
        cursor = f"--after-cursor={self.cursor}"
        return (await self.machine.run("journalctl", "--quiet", "-u", self.unit, "-o", form, cursor)).splitlines()

    async def said(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in await self.journal() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    async def says(self, event: str, within: float = 60.0, *, times: int = 1) -> dict[str, Any]:
        """Wait until the log has that event so many times; the last one."""

        async def enough() -> list[dict[str, Any]]:
            found = await self.said(event)
            return found if len(found) >= times else []

        try:
            return (await eventually(enough, within))[-1]
        except AssertionError:
            raise AssertionError(f"no {event} within {within} s in {await self.journal()}") from None

    async def status_is(self, start: str, within: float = 60.0) -> str:
        """Wait until its STATUS starts so; all of it."""

        async def so() -> str:
            text = await self.show("StatusText")
            assert text.startswith(start), text
            return text

        return await eventually(so, within)


@asynccontextmanager
async def service(machine: Machine, unit: str, file: str) -> AsyncIterator[Service]:
    """Not started yet, with a watchdog of seconds; killed and forgotten at the end."""
    shown = await machine.run("journalctl", "-n0", "--show-cursor", "--quiet")
    made = Service(machine, unit, file, shown.removeprefix("-- cursor: "))
    await made.drop_in("quick", QUICK)
    try:
        yield made
    finally:
        await machine.tried("systemctl", "kill", "--signal=KILL", unit)
        await machine.run("systemctl", "stop", unit)
        await machine.tried("systemctl", "reset-failed", unit)
        await machine.sh(f"rm -rf /etc/systemd/system/{unit}.service.d {file} /etc/credstore; systemctl daemon-reload")
