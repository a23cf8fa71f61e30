"""Whom we believe over TLS."""

import ssl

import pytest

from dispatcher.errors import ConfigError
from dispatcher.model import Reason, Reply
from dispatcher.transport.sender import Sender
from dispatcher.transport.trust import tls_context
from tests.support.dns import naming
from tests.support.tls import Authority
from tests.support.wire import answering, receiving, saying
from tests.transport.conftest import a_request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NAME = "receiver.test"


@pytest.fixture
async def names():
    async with naming({NAME: ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
async def trusting(loopback, authority, names):
    async with Sender(loopback, ca_file=str(authority.ca_file), nameservers=[names.at]) as sender:
        yield sender


async def test_a_receiver_with_a_good_certificate_is_answered_over_one_connection(trusting, authority):
    async with receiving(answering(OK), tls=authority.issue(NAME)) as receiver:
        answers = [await trusting.post(a_request(receiver.url(host=NAME)), 5) for _ in range(3)]
    assert answers == [Reply(200, body=b"ok")] * 3
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("certificate", "note"),
    [
        pytest.param({"name": "other.test"}, "Hostname mismatch", id="wrong name"),
        pytest.param({"name": NAME, "days": -1}, "expired", id="expired"),
        pytest.param({"name": NAME, "signed": False}, "self-signed", id="self-signed"),
    ],
)
async def test_a_bad_certificate_is_tls_and_nothing_is_sent(trusting, authority, certificate, note):
    async with receiving(answering(OK), tls=authority.issue(**certificate)) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME)), 5)
    assert answer.reason is Reason.TLS, answer
    assert note in answer.note
    assert receiver.requests == []


async def test_an_authority_nobody_named_is_not_trusted(trusting, tmp_path):
    async with receiving(answering(OK), tls=Authority(tmp_path).issue(NAME)) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME)), 5)
    assert answer.reason is Reason.TLS, answer


async def test_plain_http_on_an_https_port_is_tls(trusting):
    async def talk(line):
        await line.reader.read(1)
        await line.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with receiving(talk) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME).replace("http:", "https:")), 5)
    assert answer.reason is Reason.TLS, answer


async def test_an_end_during_the_handshake_is_tls(trusting):
    async def talk(line):
        await line.reader.read(1)

    async with receiving(talk) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME).replace("http:", "https:")), 5)
    assert answer.reason is Reason.TLS, answer


async def test_an_older_tls_than_1_2_is_refused(trusting, authority):
    old = authority.issue(NAME)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with receiving(answering(OK), tls=old) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME)), 5)
    assert answer.reason is Reason.TLS, answer


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_receiver_that_wants_our_certificate_gets_no_further(trusting, authority, version):
    strict = authority.issue(NAME)
    strict.maximum_version = strict.minimum_version = version
    strict.verify_mode = ssl.CERT_REQUIRED
    strict.load_verify_locations(authority.ca_file)
    async with receiving(answering(OK), tls=strict) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME)), 5)
    # With 1.3 our side of the handshake is over before the receiver says no, and its alert may be lost in the reset.
    assert answer.reason in (Reason.TLS, Reason.RESET), answer
    assert receiver.requests == []


async def test_http_spoken_to_a_tls_port_gets_no_answer(trusting, authority):
    async with receiving(answering(OK), tls=authority.issue(NAME)) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME).replace("https:", "http:")), 5)
    assert answer.reason in (Reason.RESET, Reason.PROTOCOL), answer


async def test_an_end_in_the_middle_of_a_tls_reply_is_reset(trusting, authority):
    async with receiving(saying(b"HTTP/1.1 200", then="close"), tls=authority.issue(NAME)) as receiver:
        answer = await trusting.post(a_request(receiver.url(host=NAME)), 5)
    assert answer.reason is Reason.RESET, answer


def test_nobody_is_trusted_without_being_verified():
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_session_keys_are_not_written_where_the_environment_points(monkeypatch, tmp_path):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert tls_context().keylog_filename is None


def test_a_private_authority_is_trusted_in_addition(authority):
    alone, added = tls_context(), tls_context(str(authority.ca_file))
    assert added.cert_store_stats()["x509"] == alone.cert_store_stats()["x509"] + 1


def test_a_system_that_trusts_nobody_is_told_so(loopback, monkeypatch, tmp_path, authority):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match=r"egress\.ca_file"):
        Sender(loopback)
    Sender(loopback, ca_file=str(authority.ca_file))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_cannot_be_used_is_refused_at_once(loopback, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"egress\.ca_file: .*ca\.pem: "):
        Sender(loopback, ca_file=str(file))
