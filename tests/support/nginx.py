"""An nginx, as Debian has it."""

import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.program import program

CONFIG = """
daemon off;
{user}
pid {folder}/pid;
error_log stderr notice;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
  log_format lines escape=json '{{"status": $status, "id": "$http_webhook_id", "type": "$content_type",'
    ' "tls": "$ssl_protocol", "connection": $connection, "turn": $connection_requests}}';
  access_log {folder}/access.log lines;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  ssl_certificate {certificate};
  ssl_certificate_key {certificate};
  server {{
    listen 127.0.0.1:{http};
    listen 127.0.0.1:{https} ssl;
    location /hook {{ return 200; }}
    location /away {{ return 503; }}
    location /app/ {{ proxy_pass {app}; }}
  }}
  server {{
    listen 127.0.0.1:{http};
    server_name 127.0.0.2;
    location / {{ proxy_pass http://$http_host$request_uri; }}
  }}
}}
"""
"""What is not named here is nginx's own default: the largest body, how long a connection is kept."""


@dataclass(frozen=True)
class Nginx:
    folder: Path
    http: int
    https: int

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.http}{path}"

    def secure_url(self, path: str = "/hook") -> str:
        return f"https://localhost:{self.https}{path}"

    @property
    def log(self) -> list[dict[str, Any]]:
        """A line for each request that it has answered."""
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]


def find() -> str | None:
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@asynccontextmanager
async def serving(binary: str, folder: Path, *, certificate: Path, app: str) -> AsyncIterator[Nginx]:
    """`/hook` answers 200, `/away` 503, `/app/…` what `app`, a URL, does; each by http and, so certified, by https.

    For receivers on 127.0.0.2 it is a forward proxy: for plain http, because CONNECT is not among its methods.
    """
    with ExitStack() as stack:
        # It gets its sockets as it would from the nginx it replaces: nobody can take the ports in between.
        http, https = (stack.enter_context(_listening()) for _ in range(2))
        ports = {"http": http.getsockname()[1], "https": https.getsockname()[1]}
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, user=user, certificate=certificate, app=app, **ports))
        words = (binary, "-e", "stderr", "-p", folder, "-c", config)
        fds = (http.fileno(), https.fileno())
        inherited = {"NGINX": "".join(f"{fd};" for fd in fds)}
        async with program(*words, cwd=folder, env=inherited, pass_fds=fds) as running:
            await running.says("start worker process ")
            yield Nginx(folder, **ports)


def _listening() -> socket.socket:
    made = socket.create_server(("127.0.0.1", 0), backlog=128)
    made.setblocking(False)  # noqa: FBT003 the socket module's own way to say it
    return made
