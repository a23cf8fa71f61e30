"""The OpenAPI document: all routes, and nothing that is not so; Schemathesis tries what it allows and forbids."""

import asyncio
import importlib.util
import json
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from dispatcher.admin.resources import routes
from dispatcher.policy.egress import Egress
from dispatcher.policy.ground import Ground
from dispatcher.policy.profiles import Profiles
from dispatcher.store import tokens
from tests.support.api import serving
from tests.support.profiles import SHIPPED
from tests.support.sql import insert, subscribe

ROUTES = routes(Ground(Egress(), Profiles(SHIPPED, "standard"), None))
DOCUMENT = "/api/v1/openapi.json"

MEANT = ("POST /api/v1/endpoints", "PATCH /api/v1/endpoints/{endpoint_id}", "POST /api/v1/endpoints/{endpoint_id}/test",
         "POST /api/v1/endpoints/{endpoint_id}/rotate-secret", "POST /api/v1/endpoints/{endpoint_id}/replay",
         "POST /api/v1/events")  # fmt: skip
"""Where values have a meaning that no schema can say: a jsonpath, the profile's name, a URL that may be called."""
CONFIGURATION = "\n".join(
    f'[[operations]]\ninclude-name = "{name}"\n'
    'checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]\n'
    for name in MEANT
)


async def test_every_route_is_in_the_document_and_nothing_else(product):
    document = (await (await product.with_token("read")).get(DOCUMENT)).json
    assert document["openapi"].startswith("3.1")
    said = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    own = {("GET", DOCUMENT), ("GET", "/healthz"), ("GET", "/readyz")}
    assert said == {(route.method, route.path) for route in ROUTES} | own


async def test_the_document_says_of_each_route_all_there_is_to_say(product):
    document = (await (await product.with_token("read")).get(DOCUMENT)).json
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"].endswith("."), where
            assert operation["operationId"], where
            for parameter in operation.get("parameters", []):
                if parameter["name"] not in {"tenant", "until", "profile", "endpoint_id", "event_id"}:
                    assert parameter.get("description"), f"{where}: {parameter['name']}"
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description") or name.endswith("Page"), name


@pytest.mark.skipif(
    not importlib.util.find_spec("schemathesis"), reason="schemathesis is not installed: uv sync --group callers"
)
async def test_schemathesis_finds_nothing(database, db, session, tmp_path, monkeypatch):
    endpoint_id, _ = await subscribe(db, "https://example.com/hook", profile="manysends")
    await db.execute("select webhooks.ping($1)", endpoint_id)
    await insert(db)
    token = await tokens.create(session, "schemathesis", "admin")
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    # It shows wrong tokens, and asks, more often than anybody may.
    monkeypatch.setattr("dispatcher.admin.bearers.SLOWED", 10**6)
    monkeypatch.setattr("dispatcher.admin.bearers.REFUSED", 10**6)
    monkeypatch.setattr("dispatcher.admin.limits.REQUESTS_S", 10**6)
    with capture_logs() as log:
        async with serving(database.dsn, None, egress__allow_networks=[]) as api:
            code, said = await schemathesis(
                tmp_path, f"http://127.0.0.1:{api.port}{DOCUMENT}", "--header", f"Authorization: Bearer {token.text}",
                "--max-examples", "8", "--no-color", "--generation-deterministic",
            )  # fmt: skip
    assert not [line for line in log if line["log_level"] == "error"]
    assert code == 0, said[-6000:]


async def schemathesis(folder: Path, *arguments: str) -> tuple[int | None, str]:
    program = str(Path(sys.executable).parent / "st")
    process = await asyncio.create_subprocess_exec(
        program, "run", *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_the_document_repeats_no_secret_and_no_place_of_this_machine(product):
    document = json.dumps((await (await product.with_token("read")).get(DOCUMENT)).json)
    assert str(Path(__file__).parent.parent.parent) not in document
    assert "whsec_AAEC" not in document
