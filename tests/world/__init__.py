"""A world of trouble for the whole engine, out of one seed: `python -m world --seed 7`.

Process, gateway, sessions, order table and recovery are the real ones, and so is the venue; clock,
link, journal and REST are in memory. Strategies trade, repeat themselves and go away; the link, the
venue, the clocks and REST fail; the process is killed anywhere, also between any two of its effects
(a journal record, an event on the bus, bytes on a link, a write of the state), and what it had in
memory is gone; where the power fails, so is what had not reached the disk. Then all trouble ends,
and what the engine knows has to be what is so.

| room | duty |
|---|---|
| options | what a seed decides at first |
| disk | state and journal: what survives |
| link | what leaves the engine, and the requests that come late |
| venue | the venue's own account for the checker; what it does slowly |
| strategies | who trades: ids, repeats, cancels, comings and goings |
| trouble | everything that goes wrong |
| coverage | what has to have come over all seeds together |
| checker | what is true; shares no code with the engine |
| run | one world from its seed to its end |

An event is one input that the engine journals, one effect of it (a record, an event on the bus,
bytes on a link, a write of its state), or one step of those around it: a call or a reading of a
strategy, a request that the venue carries out, a report it makes, a trade of others, a trouble. An
input and its record are one; wake-ups by the clock and pieces of a message are none.
"""
