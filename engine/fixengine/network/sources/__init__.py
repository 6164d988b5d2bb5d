"""Where else the venue tells what became of orders: its REST API and its user data stream.

For whoever decides (nothing here does), this is all there is to know:

    sources = Sources(config, owner)         # door.py; owner: see door.Owner
    sources.start()                          # another process; it reads its own key files
    number = sources.ask(asks.open_orders()) # asks.py: one function for each question
    sources.follow()                         # the stream, from now on

What the owner hears, all of it in its own loop and in pieces that take 13 to 43 us each:

| call | when |
|---|---|
| on_rows(number, rows, is_last) | a piece of an answer; after is_last it is complete |
| on_problem(number, problem) | no answer, or no more of it: refused, limited, failed (answers.py) |
| on_stream(state) | connecting, live, renewed, missed, down, refused (packets.Stream) |
| on_event(connection, event) | what the stream told (events.py), as Raw where it is news to us |
| on_ended(text) | the process is gone, its questions answered with a problem; `start` again |

Each question ends in exactly one of on_rows with is_last, and on_problem. Rows and events become
the fields of reports in normalise.py. What they do not promise:

* The sources have no sequence number in common, and REST may lag behind the stream.
* -2013 is no proof that an order never lived: it may not be visible yet, or a cancel renamed it.
* Between down and the next live there is a hole, and where missed is told. After live, and missed,
  ask for what was before.
* While a connection is renewed, events come twice, on two connections: know them by (symbol, order
  id, execution id). A trade is known by (symbol, trade id, order id).
* `Terminated` is told as an event and then as down.
"""
