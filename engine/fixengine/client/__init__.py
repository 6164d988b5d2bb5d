"""The strategy's side of the bus: a blocking `Client` and an `AsyncClient`.

    with Client("ipc:///run/desk/bus.sock", "maker") as client:
        client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", "50000"))
        for event in client.reports(timeout=5):
            print(event)

    async with AsyncClient("ipc:///run/desk/bus.sock", "maker") as client:
        client.submit(NewOrderSingle.limit("BTCUSDT", Side.BUY, "0.01", "50000"))
        async for event in client.reports(timeout=5):
            print(event)

What both promise:

* `submit`, `submit_list`, `cancel`, `cancel_replace`, `amend` and `mass_cancel` never wait. They
  hand the request to a live, welcomed connection or raise NotConnected, and then the request was
  not sent and never will be.
* `reports` hands over every event once, in the order of its report_seq. Numbers that never
  arrive are told of by a Gap before the next event; what arrives twice is dropped.
* An event counts as processed when the next one is asked for. Only then is it acknowledged to
  the engine, so a strategy that dies while it works on a fill is told of that fill again.
* `submit_and_wait` is for who wants an answer rather than a stream: it reads until there is one,
  and hands over all that it has read.
* A request that nobody answers raises NoAnswer. Silence is never taken for success.
* When the engine restarts, `reports` says Hello to the new one and goes on from the last
  processed event. Only `reports` does so: a strategy has to read its reports to be connected.

A client belongs to the thread that made it (an AsyncClient to its loop) and does not survive a
fork: make it in the process that uses it. It starts no thread but ZeroMQ's own, and one that
sees to the last bytes of an AsyncClient when that is closed, for a second at most.
"""

from fixengine.client.asynchronous import AsyncClient
from fixengine.client.blocking import Client
from fixengine.client.conversation import Delivery, Raw
from fixengine.client.errors import (
    ClientError,
    HelloRefused,
    NoAnswer,
    NoBalances,
    NoInstrument,
    NoLimits,
    NotConnected,
    NotDone,
    TooManyUnanswered,
)
from fixengine.client.waiting import Answer

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "ClientError",
    "Delivery",
    "HelloRefused",
    "NoAnswer",
    "NoBalances",
    "NoInstrument",
    "NoLimits",
    "NotConnected",
    "NotDone",
    "Raw",
    "TooManyUnanswered",
]
