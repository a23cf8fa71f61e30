"""A pgbouncer before a test's database."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher.embedded.binaries import Account, environment, identity
from tests.support.postgres import Database


@contextmanager
def bouncing(database: Database, *, mode: str, connections: int, round_robin: bool = False) -> Iterator[Database]:
    """The same database through a pgbouncer with so many server connections; skips where there is none."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.skip("pgbouncer is not installed")
    account = Account.choose()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        (folder / "users").write_text('"app_producer" ""\n"app_owner" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n{database.name} = host={database.folder} port=5432\n[pgbouncer]\nlisten_addr =\n"
            f"listen_port = 5432\nunix_socket_dir = {folder}\nauth_type = trust\nauth_file = {folder}/users\n"
            f"pool_mode = {mode}\ndefault_pool_size = {connections}\nserver_round_robin = {int(round_robin)}\n"
        )
        if account is not None:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.uid, account.gid)
        child = subprocess.Popen(
            [program, "-q", folder / "ini"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=environment(), cwd="/", **identity(account),
        )  # fmt: skip
        try:
            yield Database(str(folder), database.name)
        finally:
            child.kill()
            child.wait()


def listens(pooled: Database) -> bool:
    """Whether it takes connections; its socket is there a moment earlier."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(f"{pooled.folder}/.s.PGSQL.5432") == 0
