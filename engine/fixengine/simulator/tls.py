"""The TLS that the venue's next connection meets: the right one, or one that a fault asks for."""

from __future__ import annotations

import ssl

from fixengine.simulator import pki
from fixengine.simulator.faults.active import Faults


class Contexts:
    """Makes server contexts; each is made once."""

    def __init__(self, files: pki.Files, faults: Faults) -> None:
        self._files = files
        self._faults = faults
        self._made: dict[str, ssl.SSLContext] = {}
        self.present()

    def present(self) -> ssl.SSLContext:
        """The one for the next connection."""
        fault = self._faults.standing("certificate", "")
        which: str = "" if fault is None else fault.values["which"]
        found = self._made.get(which)
        if found is None:
            found = self._made[which] = self._make(which)
        return found

    def sound(self) -> ssl.SSLContext:
        """The right one, whatever faults hold."""
        return self._make("")

    def _make(self, which: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if which == "tls-1.1":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        files = self._files
        certificate = files.server_certificate_file
        if which in pki.WRONG:
            certificate = pki.wrong_certificate(files, which)
        context.load_cert_chain(certificate, files.server_key_file)
        return context
