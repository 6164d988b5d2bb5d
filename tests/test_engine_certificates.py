"""The name that is asked for in TLS, and a certificate that has run out, before a real engine."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from fixengine.messages import SessionState, SessionStatus
from fixengine.simulator import pki
from processes import Stage, hear, stage

__all__ = ["stage"]

pytestmark = pytest.mark.quick


def test_the_name_of_the_venue_is_asked_for(stage: Stage) -> None:
    """Without SNI a front with several certificates answers with another one."""
    asked: list[str | None] = []

    def note(context: ssl.SSLContext) -> None:
        def callback(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            asked.append(name)

        context.sni_callback = callback

    acceptor = stage.acceptor(tls=note)
    stage.engine(acceptor.place)
    acceptor.accept()
    assert asked == ["localhost"]


def test_a_certificate_that_has_run_out_is_refused(stage: Stage, tmp_path: Path) -> None:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=15_000)
    old = pki.ensure(tmp_path / "old", then)

    def present(context: ssl.SSLContext) -> None:
        context.load_cert_chain(old.server_certificate_file, old.server_key_file)

    acceptor = stage.acceptor(tls=present)
    engine = stage.engine(acceptor.place, venue={"ca_file": str(old.ca_file)})
    client = stage.client(engine)
    with pytest.raises(ssl.SSLError):
        acceptor.accept()
    told = hear(client, SessionStatus, state=SessionState.DOWN)
    assert "certificate has expired" in told.text
    assert engine.end() == 0
    assert engine.marks() == {}
