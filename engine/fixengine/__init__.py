"""fixengine: a low-latency FIX execution gateway.

Strategies use `fixengine.client` and `fixengine.messages`; `fixengine.wire` is the codec, usable
as a library of its own; the command `fixengine` runs the engine and the built-in venue.
"""

__version__ = "0.1.0"
