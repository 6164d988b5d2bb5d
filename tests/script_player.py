"""Plays a script: one method a verb. What the verbs mean stands at the top of script_reader.py."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from fixengine import wire
from fixengine.fix.states import State
from script_bytes import after, check_sum_field, fault_of, flat, length_field, like, shown
from script_reader import Script, Step, duration_ns, fields_of, unescaped
from script_stages import EngineStage, Link, SessionStage
from script_venues import VENUES
from sessions_in_memory import WALL_NS

HEADER = (49, 56, 34, 52)


def play(script: Script, role: str) -> None:
    """Play one script in one role; ScriptError where what happens is not what it says."""
    Player(script, role).play()


class Player:
    """One run of one script."""

    def __init__(self, script: Script, role: str) -> None:
        self.script = script
        self.role = role
        self.dialect = VENUES[script.venue]
        self.venue = self.dialect.venue(script.version)
        self.stage: SessionStage | EngineStage
        if script.engine:
            self.stage = EngineStage(script, self.dialect)
        else:
            self.stage = SessionStage(script, role, self.dialect)
        self.start = self.stage.now
        self.link: Link | None = None
        self.chosen = False
        self.names: dict[str, str] = {}
        self.unsent_part: list[bytes] = []
        self.wire_ids: list[bytes] = []
        self.frames: list[list[tuple[int, bytes]]] = []

    def play(self) -> None:
        """Every line, then what may not be left over."""
        step = Step(1, "")
        try:
            for index, step in enumerate(self.script.steps):
                following = self.script.steps[index + 1 : index + 2]
                self._step(step.text, bool(following) and following[0].text.startswith("and "))
            step = Step(step.line + 1, "the end")
            self._nothing_left()
        except (AssertionError, ValueError, KeyError, wire.LocalProtocolError) as problem:
            text = f"`{step.text}`: {problem}"
            raise self.script.error(step.line, text) from problem

    def _step(self, text: str, more_follows: bool) -> None:
        on = re.match(r"on (\S+) (.*)", text)
        self.chosen = on is not None
        if on is not None:
            self.link, text = self.stage.links[on[1]], on[2]
        elif self.stage.newest in self.stage.links:
            self.link = self.stage.links[self.stage.newest]
        for pattern, verb in VERBS.items():
            found = re.fullmatch(pattern, text)
            if found is not None:
                verb(self, *found.groups())
                break
        else:
            raise ValueError("no such verb; see the top of tests/script_reader.py")
        if self.unsent_part and not more_follows:
            data, self.unsent_part = b"".join(self.unsent_part), []
            self.stage.receive(self._connected(), data)

    def _connected(self) -> Link:
        if self.link is None or self.link.gone:
            raise AssertionError("there is no connection")
        return self.link

    # --- the peer -----------------------------------------------------------------------------

    def connect(self) -> None:
        self.link = self.stage.connect()

    def log_on(self) -> None:
        self.connect()
        logon = self.dialect.logon[self.role] % (self.script.heartbeat_ns // 1_000_000_000)
        if self.role == "initiator":
            self.expect("35=A")
        self.stage.receive(self._connected(), self._message(logon))
        if self.role == "acceptor":
            self.expect("35=A")
        if isinstance(self.stage, EngineStage):
            self.published("connecting", None)
            self.published("active", None)
        else:
            self.told("logged_on", "")

    def send(self, text: str) -> None:
        self.unsent_part.append(self._message(text))

    def send_exactly(self, text: str) -> None:
        pairs = [(tag, value) for tag, value in fields_of(self._named(text)) if value is not None]
        body = b""
        for tag, value in pairs:
            if tag not in (8, 9, 10):
                body += b"%d=%s\x01" % (tag, self._header_value(tag, value))
        data = b""
        for tag, value in pairs:
            if tag == 9:
                data += length_field(value, body)
            elif tag == 10:
                data += check_sum_field(value, data)
            else:
                data += b"%d=%s\x01" % (tag, self._header_value(tag, value))
        self._count(dict(pairs))
        self.unsent_part.append(data)

    def send_first(self, count: str, text: str) -> None:
        self.unsent_part.append(self._message(text)[: int(count)])

    def raw(self, text: str) -> None:
        self.unsent_part.append(unescaped(text))

    def peer_ends(self, how: str) -> None:
        text = {"closes": "connection closed by the peer", "resets": "reset by the peer"}[how]
        self.stage.lost(self._connected(), text)

    def _message(self, text: str) -> bytes:
        """A message of the peer, its header in the venue's order and filled in where not given."""
        pairs = fields_of(self._named(text))
        given = dict(reversed(pairs))
        head = [tag for tag in self.venue.header if tag in given or tag in HEADER]
        body = b""
        if given.get(35) is not None:
            body = b"35=%s\x01" % unescaped(given[35] or "")
        for tag in head:
            value = given.get(tag, "*")
            if value is not None:
                body += b"%d=%s\x01" % (tag, self._header_value(tag, value))
        for tag, value in pairs:
            if tag not in (8, 9, 10, 35, *head) and value is not None:
                body += b"%d=%s\x01" % (tag, unescaped(value))
        self._count(given)
        begin = given.get(8, self.venue.begin_string.decode())
        data = b"" if begin is None else b"8=%s\x01" % begin.encode()
        if given.get(9, "*") is not None:
            data += length_field(given.get(9) or "*", body)
        data += body
        if given.get(10, "*") is not None:
            data += check_sum_field(given.get(10) or "*", data)
        return data

    def _count(self, given: dict[int, str | None]) -> None:
        link = self._connected()
        text = given.get(34, "*")
        if text == "*":
            link.next_theirs = after(link.next_theirs)
        elif text is not None and text.isdigit() and int(text) >= link.next_theirs:
            link.next_theirs = after(int(text))

    def _header_value(self, tag: int, value: str) -> bytes:
        sender, target = self.dialect.peer_comp_ids(self.role, self._comp_id())
        shift = re.fullmatch(r"now([+-]\d+\w+)", value)
        if tag == 52 and (value == "*" or shift is not None):
            at = 0 if shift is None else duration_ns(shift[1])
            return wire.stamp(self._wall() + at, self.venue.stamp_digits)
        if value == "*" and tag in HEADER:
            filled = {49: sender, 56: target, 34: str(self._connected().next_theirs)}
            return filled[tag].encode()
        if value == "*" and tag == 8:
            return self.venue.begin_string
        return unescaped(value)

    def _comp_id(self) -> str:
        link = self._connected()
        return next(name for name, item in self.stage.links.items() if item is link)

    def _wall(self, at: int | None = None) -> int:
        return WALL_NS + (self.stage.now if at is None else at) - self.start

    # --- what we sent -------------------------------------------------------------------------

    def expect(self, text: str) -> None:
        link = self._connected_or_gone()
        pairs = fields_of(text)
        if not link.sent:
            raise AssertionError(f"expected {text}, came nothing")
        frame, sent_ns = link.sent.popleft(), link.sent_ns.popleft()
        came = flat(frame)
        self._hold_right(link, frame, {tag for tag, _ in pairs}, sent_ns)
        place = 0
        for tag, pattern in pairs:
            if pattern is None:
                if any(at == tag for at, _ in came):
                    raise AssertionError(f"expected no tag {tag}, came {shown(frame)}")
                continue
            fits = [
                index
                for index in range(place, len(came))
                if came[index][0] == tag and self._fits(pattern, came[index][1])
            ]
            if not fits:
                wanted = self._named(pattern)
                raise AssertionError(f"expected {tag}={wanted} at its place, came {shown(frame)}")
            place = fits[0] + 1
        if dict(came).get(35) in (b"D", b"F"):
            self.frames.append(came)

    def expect_nothing(self) -> None:
        for link in [self.link] if self.chosen and self.link else self.stage.links.values():
            if link.sent:
                raise AssertionError(f"expected nothing, came {shown(link.sent[0])}")

    def expect_close(self) -> None:
        link = self._connected_or_gone()
        if not link.closing:
            raise AssertionError("expected us to close the connection, it is open")
        link.gone = True

    def expect_open(self) -> None:
        if self._connected().closing:
            raise AssertionError("expected an open connection, we close it")

    def _connected_or_gone(self) -> Link:
        if self.link is None:
            raise AssertionError("there was no connection")
        return self.link

    def _hold_right(self, link: Link, frame: bytes, named: set[int], sent_ns: int) -> None:
        """What every message of ours must be, whatever a script says of it."""
        theirs, ours = self.dialect.peer_comp_ids(self.role, self._comp_id_of(link))
        right = {
            8: self.venue.begin_string,
            49: ours.encode(),
            56: theirs.encode(),
            34: b"%d" % link.next_ours,
            52: wire.stamp(self._wall(sent_ns), self.venue.stamp_digits),
        }
        wrong = fault_of(frame, {tag: right[tag] for tag in right if tag not in named})
        if wrong is not None:
            raise AssertionError(f"expected {wrong}, came {shown(frame)}")
        if dict(flat(frame)).get(34) == right[34]:
            link.next_ours = after(link.next_ours)

    def _comp_id_of(self, link: Link) -> str:
        return next(name for name, item in self.stage.links.items() if item is link)

    # --- values -------------------------------------------------------------------------------

    def _named(self, text: str) -> str:
        """Put what an earlier `expect` found in place of its name."""
        return re.sub(r"\$(\w+)", lambda found: self.names[found[1]], text)

    def _fits(self, pattern: str, value: bytes) -> bool:
        text = value.decode("utf-8", "backslashreplace")
        if re.fullmatch(r"\$\w+", pattern) and pattern[1:] not in self.names:
            self.names[pattern[1:]] = text
            return True
        wanted = unescaped(self._named(pattern)).decode("utf-8", "backslashreplace")
        return like(wanted, text)

    # --- time, states, tellings ---------------------------------------------------------------

    def advance(self, text: str) -> None:
        self.stage.advance(self.stage.now + duration_ns(text))

    def state(self, text: str) -> None:
        if self.stage.state != text:
            raise AssertionError(f"expected {text}, came {self.stage.state}")

    def told(self, name: str, text: str | None) -> None:
        self._next_of(self.stage.told, name, text or "")

    def told_nothing(self) -> None:
        _empty(self.stage.told)

    def published(self, state: str, text: str | None) -> None:
        more = f"|{text}" if text else ""
        self._next_of(self._engine().published, "SessionStatus", f"state={state}{more}")

    def published_nothing(self) -> None:
        _empty(self._engine().published)

    def _next_of(self, queue: deque[tuple[str, Any]], name: str, text: str) -> None:
        if not queue:
            raise AssertionError(f"expected {name} {text}, came nothing")
        kind, event = queue.popleft()
        good = kind == name
        for part in text.split("|") if text else ():
            key, sign, wanted = part.partition("=")
            if part.startswith("!"):
                good = good and not getattr(event, part[1:])
            else:
                value = getattr(event, key) if good and sign else None
                good = good and like(self._named(wanted), str(value))
        if not good:
            raise AssertionError(f"expected {name} {text}, came {kind} {event}")

    def delivered(self, text: str) -> None:
        queue = self._session().delivered
        if not queue:
            raise AssertionError(f"expected {text}, came nothing")
        message = queue.popleft()
        came = flat(bytes(message))
        for tag, pattern in fields_of(text):
            values = [value for at, value in came if at == tag]
            if pattern is None and values:
                raise AssertionError(f"expected no tag {tag}, came {bytes(message)!r}")
            if pattern is not None and not any(self._fits(pattern, value) for value in values):
                raise AssertionError(f"expected {tag}={pattern}, came {bytes(message)!r}")

    def delivered_nothing(self) -> None:
        _empty(self._session().delivered)

    def hole(self, text: str) -> None:
        hole = self._session().session.hole or "nothing"
        if not like(text, hole):
            raise AssertionError(f"expected {text}, came {hole}")

    def say(self, name: str) -> None:
        self._session().say(name)

    def log_out(self, text: str) -> None:
        self._session().log_out(text)

    def next_in(self, text: str) -> None:
        self._session().session.next_in = self._connected().next_theirs = int(text)

    def next_out(self, text: str) -> None:
        self._session().session.next_out = self._connected().next_ours = int(text)

    def _session(self) -> SessionStage:
        if not isinstance(self.stage, SessionStage):
            raise ValueError("this verb is for a session alone, not for the whole engine")
        return self.stage

    # --- the whole engine ---------------------------------------------------------------------

    def _engine(self) -> EngineStage:
        if not isinstance(self.stage, EngineStage):
            raise ValueError("this verb needs the clause `engine` in the first line")
        return self.stage

    def dials(self, comp_id: str) -> None:
        came = [item.comp_id for item in self._engine().dialled] or ["nothing"]
        if came != [comp_id]:
            raise AssertionError(f"expected {comp_id}, came {', '.join(came)}")

    def connect_fails(self, text: str) -> None:
        self._engine().connect_fails(text)

    def order(self, name: str, valid: str | None) -> None:
        self._engine().order(name, duration_ns(valid or "1s") // 1_000_000)

    def cancel(self, name: str, of: str) -> None:
        self._engine().cancel(name, of)

    def written(self, how: str, name: str) -> None:
        wire_id = self._engine().wire_id(name)
        count = sum(dict(came).get(11) == (wire_id or "").encode() for came in self.frames)
        if count != (how == "written once"):
            raise AssertionError(f"{name} was written {count} times")

    def unsent(self, count: str) -> None:
        self._engine().unsent(int(count))

    def marked(self, no: str | None, comp_id: str) -> None:
        marked = comp_id in self._engine().marked
        if marked != (no is None):
            raise AssertionError(f"{comp_id} is {'' if marked else 'not '}marked in use")

    def logged(self, text: str) -> None:
        log = self._engine().log
        if not any(like(text, line) for line in log):
            raise AssertionError(f"expected {text}, came {log}")

    def alarmed(self, text: str) -> None:
        alarms = self._engine().alarms or ["nothing"]
        if not any(like(text, alarm) for alarm in alarms):
            raise AssertionError(f"expected {text}, came {alarms}")

    def clock_read(self) -> None:
        if not self._engine().clock_read:
            raise AssertionError("expected the clock to be read anew, it was not")

    def foreign(self, count: str) -> None:
        came = self._engine().gateway.reports.foreign
        if came != int(count):
            raise AssertionError(f"expected {count}, came {came}")

    def stop(self) -> None:
        self._engine().stop()

    def ended(self, how: str) -> None:
        ended = self._engine().ended
        came = "not" if ended is None else "failed" if ended.failed else "unclean"
        if ended is not None and not ended.failed and ended.clean:
            came = "clean"
        if came != how:
            raise AssertionError(f"expected {how}, came {came}")

    # --- the end ------------------------------------------------------------------------------

    def _nothing_left(self) -> None:
        stage, self.chosen = self.stage, False
        self.expect_nothing()
        _empty(stage.told)
        if isinstance(stage, EngineStage):
            _empty(stage.published)
            ids = [dict(came)[11] for came in self.frames]
            if len(ids) != len(set(ids)):
                raise AssertionError(f"a request was written twice: {ids}")
        else:
            _empty(stage.delivered)
        for link in stage.links.values():
            if link.closing and not link.gone:
                raise AssertionError("we closed a connection and the script does not say so")
            if link.gone and link.session.state is not State.CLOSED:
                raise AssertionError("the connection is gone and its session goes on")


def _empty(queue: deque[Any]) -> None:
    if queue:
        raise AssertionError(f"expected nothing, came {queue[0]}")


VERBS: dict[str, Callable[..., None]] = {
    r"connect": Player.connect,
    r"log on": Player.log_on,
    r"(?:send|and) exactly (.+)": Player.send_exactly,
    r"(?:send|and) first (\d+) of (.+)": Player.send_first,
    r"(?:send|and) (.+)": Player.send,
    r"raw (.+)": Player.raw,
    r"peer (closes|resets)": Player.peer_ends,
    r"expect nothing": Player.expect_nothing,
    r"expect close": Player.expect_close,
    r"expect open": Player.expect_open,
    r"expect (.+)": Player.expect,
    r"advance (\S+)": Player.advance,
    r"state (\w+)": Player.state,
    r"told nothing": Player.told_nothing,
    r"told (\w+)(?: (.+))?": Player.told,
    r"published nothing": Player.published_nothing,
    r"published (\w+)(?: (.+))?": Player.published,
    r"delivered nothing": Player.delivered_nothing,
    r"delivered (.+)": Player.delivered,
    r"hole (.+)": Player.hole,
    r"say (\w+)": Player.say,
    r"log out (.+)": Player.log_out,
    r"next in (\d+)": Player.next_in,
    r"next out (\d+)": Player.next_out,
    r"dials (\w+)": Player.dials,
    r"connect fails (.+)": Player.connect_fails,
    r"order (\w+)(?: valid (\S+))?": Player.order,
    r"cancel (\w+) of (\w+)": Player.cancel,
    r"(written once|never written) (\w+)": Player.written,
    r"unsent (\d+)": Player.unsent,
    r"(not )?marked (\w+)": Player.marked,
    r"logged (.+)": Player.logged,
    r"alarmed (.+)": Player.alarmed,
    r"clock read": Player.clock_read,
    r"foreign (\d+)": Player.foreign,
    r"stop": Player.stop,
    r"ended (clean|unclean|failed)": Player.ended,
}
