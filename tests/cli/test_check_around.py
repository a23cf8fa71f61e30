"""`dispatcher check` beyond the database: name servers, certificates, egress rules, open files."""

import asyncio
import os

import pytest

from tests.support.checks import checked
from tests.support.dns import naming


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a process name servers of its own")
@pytest.mark.parametrize(
    ("zone", "grade", "said"),
    [
        ({"example.com": ["192.0.2.1"]}, "ok", "answers"),
        ({}, "warning", "knows no example.com"),
        ({"example.com": 2}, "failed", "no receiver can be found by name; look at /etc/resolv.conf"),
        ({"example.com": None}, "failed", "no receiver can be found by name; look at /etc/resolv.conf"),
    ],
    ids=["answers", "knows no such name", "fails", "silent"],
)
async def test_name_servers_that_do_not_answer_fail(database, tmp_path, zone, grade, said):
    async with naming(zone) as server:
        (tmp_path / "resolv.conf").write_text(f"nameserver {server.at}\n")
        script = f'mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && exec "$@"'
        under = ("unshare", "--mount", "sh", "-c", script, "sh")
        found = (await asyncio.to_thread(checked, database.dsn, under=under))["dns"]
    assert found[0] == grade, found
    assert found[1].startswith("127.0.0.1")
    assert said in found[1]


async def test_a_ca_file_without_a_certificate_fails(database, tmp_path):
    (tmp_path / "ca.pem").write_text("hello\n")
    grade, said = checked(database.dsn, egress__ca_file=tmp_path / "ca.pem")["trust"]
    assert grade == "failed"
    assert said == f"egress.ca_file: {tmp_path}/ca.pem: holds no certificate in PEM form"


async def test_a_machine_that_trusts_nobody_fails(database, tmp_path):
    nowhere = {"SSL_CERT_FILE": str(tmp_path / "none"), "SSL_CERT_DIR": str(tmp_path)}
    grade, said = checked(database.dsn, env=nowhere)["trust"]
    assert grade == "failed"
    assert "install ca-certificates" in said


async def test_rules_that_are_seldom_meant_are_a_warning(database):
    rules = {"egress__allow_http": "true", "egress__allow_networks": '["0.0.0.0/0"]'}
    grade, said = checked(database.dsn, **rules)["egress"]
    assert grade == "warning"
    assert "egress.allow_http: " in said
    assert "0.0.0.0/0 allows nearly everything" in said


async def test_fewer_files_than_requests_are_a_warning(database):
    under = ("sh", "-c", 'ulimit -n 1000 && exec "$@"', "sh")
    grade, said = checked(database.dsn, under=under)["files"]
    assert grade == "warning"
    assert "may open 1,000 files, and 3,136 may be needed" in said
