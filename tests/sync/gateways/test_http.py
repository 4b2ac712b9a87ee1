"""One call with a total deadline."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from sync.clock import Deadline
from sync.gateways.http import Answer, NoAnswer, NotSent, Transport
from tests.sync.gateways.stand_in import Reply, always, serving


def transport(deadline_s: float = 5.0) -> Transport:
    return Transport(user_agent="Tandem/0.1", call_deadline_s=deadline_s)


def test_a_closed_port_means_that_nothing_was_sent() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotSent):
        transport().call("GET", f"http://127.0.0.1:{port}/", headers={})


def test_a_closed_connection_means_that_it_may_have_acted() -> None:
    with serving(always(Reply(drop=True))) as vendor, pytest.raises(NoAnswer):
        transport().call("POST", vendor.url, headers={}, body=b"a=b")
    assert vendor.calls == ["POST /"]


def test_a_silent_vendor_is_left_at_the_deadline() -> None:
    release = threading.Event()
    with serving(always(Reply(hold=release))) as vendor:
        with pytest.raises(NoAnswer):
            transport(0.2).call("GET", vendor.url, headers={})
        release.set()


def test_a_trickle_does_not_outlive_the_deadline() -> None:
    slow = Reply(body="x" * 200_000, trickle_s=0.05)
    with serving(always(slow)) as vendor, pytest.raises(NoAnswer):
        transport(0.4).call("GET", vendor.url, headers={})


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    with serving(always(Reply(body={"id": "cus_1"}, cut=10))) as vendor, pytest.raises(NoAnswer):
        transport().call("GET", vendor.url, headers={})


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    with serving(always(Reply())) as vendor:
        with pytest.raises(NotSent):
            transport().call("GET", vendor.url, headers={}, deadline=Deadline(0))
        assert vendor.seen == []


class StoppedOnTheWay(Deadline):
    """There is time when the call begins; then the process is stopped, and goes on after the deadline."""

    def __init__(self) -> None:
        self._looks = iter([30.0])

    def left_s(self) -> float:
        return next(self._looks, 0.0)


def test_a_request_whose_deadline_passes_on_its_way_is_never_complete() -> None:
    with serving(always(Reply())) as vendor:
        with pytest.raises(NotSent):
            transport().call("POST", vendor.url, headers={}, body=b"a=b", deadline=StoppedOnTheWay())
        assert [r.body for r in vendor.seen if r.body] == []


def test_a_body_larger_than_one_piece_arrives_whole() -> None:
    body = bytes(range(256)) * 400
    with serving(always(Reply())) as vendor:
        transport().call("POST", vendor.url, headers={}, body=body)
    assert [r.body for r in vendor.seen] == [body]
    assert vendor.seen[0].headers["content-length"] == str(len(body))


def test_a_redirect_is_not_followed_so_that_the_token_stays_here() -> None:
    with serving(always(Reply())) as elsewhere:
        away = Reply(status=302, headers={"Location": elsewhere.url})
        with serving(always(away)) as vendor:
            answer = transport().call("GET", vendor.url, headers={"Authorization": "Bearer x"})
        assert answer.status == 302
        assert elsewhere.seen == []


def test_the_user_agent_names_the_product() -> None:
    with serving(always(Reply())) as vendor:
        transport().call("GET", vendor.url, headers={})
    assert vendor.seen[0].headers["user-agent"] == "Tandem/0.1"


def test_fractions_are_read_exactly_in_any_notation() -> None:
    answer = Answer(200, {}, b'{"a": 1.98E3, "b": 0.1, "c": 7}')
    assert answer.json() == {"a": Decimal("1980"), "b": Decimal("0.1"), "c": 7}


@pytest.mark.parametrize("body", [b"<html>Down for maintenance</html>", b"", b"{", b"\xff\xfe"])
def test_a_body_that_is_no_json_is_none(body: bytes) -> None:
    assert Answer(503, {}, body).json() is None


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2.0), ("0.5", 0.5), ("", None), ("-1", None), ("soon", None), ("nan", None)]
)
def test_retry_after_is_seconds_or_nothing(header: str, seconds: float | None) -> None:
    assert Answer(429, {"retry-after": header}, b"").retry_after_s() == seconds


@contextmanager
def speaking_tls(folder: Path, answer: bytes) -> Iterator[tuple[str, Path]]:
    """A vendor behind TLS that reads a whole request and then sends ``answer`` past the encryption; its address and its
    certificate.
    """
    certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                raw, _ = door.accept()
                with context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=True) as inside:
                    seen = b""
                    while not seen.endswith(b"a=b"):
                        seen += inside.recv(65_536)
                    os.write(inside.fileno(), answer)

        vendor = threading.Thread(target=serve)
        vendor.start()
        yield f"https://127.0.0.1:{door.getsockname()[1]}/", certificate
        vendor.join(5)


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    begins = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, begins, datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "vendor.pem"
    path.write_bytes(plain + made.public_bytes(Encoding.PEM))
    return path


def test_an_answer_that_encryption_spoils_means_that_it_may_have_acted(tmp_path: Path) -> None:
    with speaking_tls(tmp_path, b"no record of TLS at all") as (url, certificate):
        asking = transport()
        asking._session.verify = str(certificate)
        with pytest.raises(NoAnswer, match="SSLError"):
            asking.call("POST", url, headers={}, body=b"a=b")


def test_a_certificate_that_nobody_vouches_for_means_that_nothing_was_sent(tmp_path: Path) -> None:
    with speaking_tls(tmp_path, b"") as (url, _), pytest.raises(NotSent, match="SSLError"):
        transport().call("POST", url, headers={}, body=b"a=b")
