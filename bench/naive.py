"""The naive gateway of the round trip: what one writes first, out of parts everybody has.

    python -m bench.naive ENDPOINT PORT CA_FILE SERVER_NAME

JSON on the bus through zmq.asyncio, asyncio's streams with ssl, simplefix both ways; every default
as it comes. No order table, no limits, no journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import sys
from datetime import UTC, datetime
from typing import Any

import simplefix
import zmq
import zmq.asyncio

READ_BYTES = 65536
REPORTED = {
    "cl_ord_id": 11,
    "order_id": 37,
    "exec_id": 17,
    "symbol": 55,
    "side": 54,
    "ord_type": 40,
    "exec_type": 150,
    "ord_status": 39,
    "order_qty": 38,
    "price": 44,
    "cum_qty": 14,
    "leaves_qty": 151,
    "last_qty": 32,
    "transact_time": 60,
    "trade_id": 1003,
}
"""What a strategy is told of a report: name and tag."""


class Naive:
    """One session, and the strategy that asked last for each order."""

    def __init__(
        self, bus: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.bus = bus
        self.reader = reader
        self.writer = writer
        self.parser = simplefix.FixParser()
        self.seq = 0
        self.peers: dict[str, bytes] = {}

    def message(self, kind: str) -> Any:
        """A message with its header."""
        self.seq += 1
        message = simplefix.FixMessage()
        message.append_pair(8, "FIX.4.4", header=True)
        message.append_pair(35, kind, header=True)
        message.append_pair(49, "NAIVE", header=True)
        message.append_pair(56, "SPOT", header=True)
        message.append_pair(34, self.seq, header=True)
        message.append_utc_timestamp(52, datetime.now(UTC), precision=6, header=True)
        return message

    async def send(self, message: Any) -> None:
        """To the venue."""
        self.writer.write(message.encode())
        await self.writer.drain()

    async def receive(self) -> Any:
        """The next message of the venue. Raises EOFError at its end."""
        while (message := self.parser.get_message()) is None:
            data = await self.reader.read(READ_BYTES)
            if not data:
                raise EOFError
            self.parser.append_buffer(data)
        return message

    async def log_on(self) -> None:
        """Logon, and the answer."""
        logon = self.message("A")
        logon.append_pair(98, 0)
        logon.append_pair(108, 30)
        await self.send(logon)
        assert (await self.receive()).get(35) == b"A"

    async def pass_orders(self) -> None:
        """From the strategy to the venue."""
        while True:
            peer, payload = await self.bus.recv_multipart()
            order = json.loads(payload)
            self.peers[order["cl_ord_id"]] = peer
            message = self.message("D")
            message.append_pair(11, order["cl_ord_id"])
            message.append_pair(38, order["order_qty"])
            message.append_pair(40, order["ord_type"])
            message.append_pair(44, order["price"])
            message.append_pair(54, order["side"])
            message.append_pair(55, order["symbol"])
            message.append_pair(59, order["time_in_force"])
            await self.send(message)

    async def pass_reports(self) -> None:
        """From the venue to the strategy that asked."""
        while True:
            message = await self.receive()
            if message.get(35) != b"8":
                continue
            found = {name: message.get(tag) for name, tag in REPORTED.items()}
            report = {name: value.decode() for name, value in found.items() if value is not None}
            peer = self.peers.pop(report["cl_ord_id"])
            await self.bus.send_multipart([peer, json.dumps(report).encode()])


async def serve(endpoint: str, port: int, ca_file: str, server_name: str) -> None:
    """Pass on what comes until the venue closes."""
    context = ssl.create_default_context(cafile=ca_file)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=server_name
    )
    bus = zmq.asyncio.Context().socket(zmq.ROUTER)
    bus.bind(endpoint)
    naive = Naive(bus, reader, writer)
    await naive.log_on()
    print("ready", flush=True)
    with contextlib.suppress(EOFError):
        await asyncio.gather(naive.pass_orders(), naive.pass_reports())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
