"""What the hardened unit lets it do: names, TLS, both families; and what it does not."""

import aiohttp
import pytest

from tests.support.dns import naming
from tests.support.eventually import eventually
from tests.support.sql import insert, subscribe
from tests.support.tls import Authority
from tests.support.wire import answering, receiving

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NAME = "receiver.test"


@pytest.fixture
async def name_server(machine):
    """The machine's, while the test runs."""
    before = (machine.root / "etc/resolv.conf").read_text()
    async with naming({NAME: ["127.0.0.1"]}) as names:
        machine.write("/etc/resolv.conf", f"nameserver {names.at}\n")
        yield names
        machine.write("/etc/resolv.conf", before)


@pytest.mark.usefixtures("name_server")
async def test_it_resolves_names_and_speaks_tls(machine, dispatcher, postgres, app, appdb, tmp_path):
    authority = Authority(tmp_path)
    machine.write("/etc/dispatcher/ca.pem", authority.ca_file.read_text())
    egress = 'allow_networks = ["127.0.0.0/8"]\nca_file = "/etc/dispatcher/ca.pem"\n'
    dispatcher.configure(postgres.peer_dsn(app), egress=egress)
    async with receiving(answering(OK), tls=authority.issue(NAME)) as receiver:
        await subscribe(appdb, receiver.url(host=NAME))
        await dispatcher.start()
        await insert(appdb)
        settled = await dispatcher.says("attempt.settled")
    assert settled["outcome"] == "delivered", settled
    assert len(receiver.requests) == 1


async def test_it_serves_the_api_on_a_socket_for_its_group(machine, dispatcher, postgres, app):
    dispatcher.configure(postgres.peer_dsn(app), admin='listen = "unix:/run/dispatcher/admin.sock"\n')
    await dispatcher.start()
    await dispatcher.says("admin.opened")
    file = machine.root / "run/dispatcher/admin.sock"
    assert await machine.run("stat", "-c", "%F %a %G", "/run/dispatcher/admin.sock") == "socket 660 dispatcher"
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(file))) as http,
        http.get("http://localhost/readyz") as response,
    ):
        assert (response.status, await response.json()) == (200, {"status": "ok"})
    await machine.run("systemctl", "stop", "dispatcher")
    assert not file.exists()


@pytest.mark.parametrize(
    ("attempted", "refused"),
    [
        ("open('/etc/dispatcher/new', 'w')", "Read-only file system"),
        ("os.listdir('/home')", "Permission denied"),
        ("os.listdir('/root')", "Permission denied"),
        ("os.chown('/run/dispatcher', 0, 0)", "Operation not permitted"),
        ("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "Address family not supported"),
        ("mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)", "Operation not permitted"),
        ("os.setpriority(os.PRIO_PROCESS, 0, -5)", "Operation not permitted"),
        ("os.listdir('/proc/1')", "No such file or directory"),
    ],
)
async def test_what_it_has_no_business_with_is_refused(machine, dispatcher, attempted, refused):
    program = f"import mmap, os, socket\n{attempted}\n"
    machine.write("/etc/dispatcher/attempt.py", program)
    await dispatcher.drop_in(
        "attempt",
        "[Service]\nType=oneshot\nWatchdogSec=0\nRestart=no\nExecStart=\n"
        "ExecStart=/opt/dispatcher/bin/python -I /etc/dispatcher/attempt.py\n",
    )
    code, _ = await machine.tried("systemctl", "start", "dispatcher")
    assert code == 1, "it was allowed"

    async def explained() -> bool:
        journal = "\n".join(await dispatcher.journal())
        assert refused in journal, journal
        return True

    await eventually(explained)
