"""All findings, printed."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
import typer

from dispatcher.cli import database
from dispatcher.cli.checking.database import examine
from dispatcher.cli.checking.finding import Finding, Grade, ok
from dispatcher.cli.checking.proxy import proxy
from dispatcher.cli.checking.surroundings import dns, egress, open_files, trust
from dispatcher.cli.screen import BAD, DIM, GOOD, WARN, Screen
from dispatcher.config import Settings, load, origins
from dispatcher.store.session import Login

STYLES = {Grade.OK: GOOD, Grade.WARNING: WARN, Grade.FAILED: BAD, Grade.SKIPPED: DIM}


def check_all(config: Path | None, *, as_json: bool) -> None:
    """Raises `ConfigError` for a configuration that cannot be understood; exits with 1 if anything else failed."""
    settings = load(config, os.environ)
    login = database.login(settings)
    told = ok("configuration", f"understood: {', '.join(origins(config, os.environ))}")
    findings = [told, *asyncio.run(look(settings, login))]
    (_print_json if as_json else _print)(findings)
    if any(finding.grade is Grade.FAILED for finding in findings):
        raise typer.Exit(1)


async def look(settings: Settings, login: Login) -> list[Finding]:
    """All that can be found out within 15 s, whatever the database and the name servers do."""
    async with asyncio.TaskGroup() as tasks:
        of_database = tasks.create_task(examine(login, settings))
        of_dns = tasks.create_task(dns(settings))
        of_proxy = tasks.create_task(proxy(settings))
    rules = (trust(settings), egress(settings), *of_proxy.result())
    return [*of_database.result(), of_dns.result(), *rules, open_files(settings)]


def _print(findings: Sequence[Finding]) -> None:
    screen = Screen()
    shown = [finding for finding in findings if finding.grade is not Grade.SKIPPED]
    for finding in shown:
        screen.text((f"{finding.grade:8} ", STYLES[finding.grade]), f"{finding.name:14} {finding.sentence}")
    if unseen := [finding.name for finding in findings if finding.grade is Grade.SKIPPED]:
        screen.text((f"{Grade.SKIPPED:8} ", DIM), f"{', '.join(unseen)}: not looked at, for what failed above")
    failures = sum(finding.grade is Grade.FAILED for finding in findings)
    warnings = sum(finding.grade is Grade.WARNING for finding in findings)
    screen.text(f"\n{failures} failed, {warnings} warning{'' if warnings == 1 else 's'}")


def _print_json(findings: Sequence[Finding]) -> None:
    grades = {finding.grade for finding in findings}
    made = {"ok": Grade.FAILED not in grades, "checks": [asdict(finding) for finding in findings]}
    Screen().raw(orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE))
