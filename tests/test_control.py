"""The control socket: one request, one answer, nothing else; and what is told where nobody answers.

The answer here is made up: of it, see test_status.py.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvloop
from fixengine.network import control
from fixengine.network.control import CLIENTS_MAX, NAME, Control, NoAnswer, Piece, ask

MADE_UP: list[Piece] = [("engine", {"pid": 7}), ("rows", []), ("rows", [1]), ("rows", [2, 3])]
ANSWER = {"engine": {"pid": 7}, "rows": [1, 2, 3]}
WAIT_S = 20.0


def made_up() -> Iterator[Piece]:
    yield from MADE_UP


def ignore(held_ns: int) -> None:
    assert held_ns >= 0


def serve(
    state_dir: Path,
    play: Callable[[], Any],
    pieces: Callable[[], Iterator[Piece]] = made_up,
    held: Callable[[int], object] = ignore,
) -> Any:
    """What `play` answers, in a thread, while the socket is served on the loop engines have."""

    async def run() -> Any:
        async with Control(state_dir, pieces, held) as one:
            assert one.problem is None
            return await asyncio.to_thread(play)

    return uvloop.run(run())


def say(path: Path, data: bytes) -> bytes:
    """All that is answered to these bytes."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(WAIT_S)
        peer.connect(str(path))
        peer.sendall(data)
        answer = b""
        while more := peer.recv(1 << 16):
            answer += more
        return answer


def told_of(state_dir: Path, timeout_s: float = WAIT_S) -> str:
    with pytest.raises(NoAnswer) as caught:
        ask(state_dir, timeout_s)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_who_asks_is_answered_as_often_as_it_asks(tmp_path: Path) -> None:
    def play() -> list[Any]:
        mode = stat.S_IMODE((tmp_path / NAME).stat().st_mode)
        return [oct(mode), ask(tmp_path), ask(tmp_path)]

    assert serve(tmp_path, play) == ["0o600", ANSWER, ANSWER]
    assert os.listdir(tmp_path) == []


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    assert serve(deep, lambda: ask(deep)) == ANSWER


@pytest.mark.parametrize(
    "line",
    [b"\n", b"status\n", b"{}\n", b"[]\n", b'{"status":true,"kill":true}\n', b'{"status":1.5}\n'],
)
def test_nothing_else_can_be_asked(tmp_path: Path, line: bytes) -> None:
    answer = serve(tmp_path, lambda: say(tmp_path / NAME, line))
    assert orjson.loads(answer) == {"ok": False, "error": 'say {"status": true}, and nothing else'}


def test_a_line_has_an_end(tmp_path: Path) -> None:
    answer = serve(tmp_path, lambda: say(tmp_path / NAME, b"x" * (control.LINE_BYTES_MAX + 1)))
    assert orjson.loads(answer) == {"ok": False, "error": "more than 1024 bytes"}


def test_a_line_may_come_in_pieces_and_what_follows_is_not_heard(tmp_path: Path) -> None:
    def play() -> bytes:
        with socket.socket(socket.AF_UNIX) as peer, peer.makefile("rb") as answer:
            peer.settimeout(WAIT_S)
            peer.connect(str(tmp_path / NAME))
            for byte in control.REQUEST[:-1]:
                peer.sendall(bytes([byte]))
            peer.sendall(b"\n" + control.REQUEST)
            return answer.read()

    answer = serve(tmp_path, play)
    assert orjson.loads(answer) == {"ok": True, **ANSWER}
    assert answer.count(b"\n") == 1


def test_so_many_may_ask_at_once(tmp_path: Path) -> None:
    def play() -> tuple[bytes, Any]:
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(CLIENTS_MAX)]
        for one in waiting:
            one.connect(str(tmp_path / NAME))
        refused = say(tmp_path / NAME, b"")
        for one in waiting:
            one.close()
        return refused, ask(tmp_path)

    refused, answer = serve(tmp_path, play)
    assert orjson.loads(refused) == {"ok": False, "error": f"{CLIENTS_MAX} others are asking"}
    assert answer == ANSWER


def test_the_loop_goes_on_between_the_pieces_and_knows_how_long_each_took(tmp_path: Path) -> None:
    seen: list[object] = []

    def pieces() -> Iterator[Piece]:
        for piece in MADE_UP:
            asyncio.get_running_loop().call_soon(seen.append, "loop")
            seen.append(piece[0])
            yield piece

    held: list[int] = []
    assert serve(tmp_path, lambda: ask(tmp_path), pieces, held.append) == ANSWER
    assert seen == ["engine", "loop", "rows", "loop", "rows", "loop", "rows", "loop"]
    assert len(held) == len(MADE_UP) + 1


def test_who_leaves_without_the_answer_costs_nothing_more(tmp_path: Path) -> None:
    made: list[int] = []

    async def run() -> None:
        def pieces() -> Iterator[Piece]:
            peer.close()
            for number in range(1000):
                made.append(number)
                yield "rows", [number]

        async with Control(tmp_path, pieces, ignore) as one:
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(tmp_path / NAME))
            peer.sendall(control.REQUEST)
            while not made or one.clients:
                await asyncio.sleep(0)
            until_then = len(made)
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(made) == until_then

    uvloop.run(asyncio.wait_for(run(), WAIT_S))


def test_who_asks_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "ASK_S_MAX", 0.01)
    assert serve(tmp_path, lambda: say(tmp_path / NAME, b"{")) == b""


def test_what_a_killed_engine_left_gives_way(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / NAME))
    text = f"{tmp_path}: no engine runs with this state directory; start one with fixengine run"
    assert told_of(tmp_path) == text
    assert serve(tmp_path, lambda: ask(tmp_path)) == ANSWER


def test_a_file_in_its_place_stays_and_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("dear to somebody")

    async def run() -> str | None:
        async with Control(tmp_path, made_up, ignore) as one:
            return one.problem

    assert uvloop.run(run()) == f"{tmp_path}/control: is there and no socket; remove it"
    assert (tmp_path / NAME).read_text() == "dear to somebody"


def test_who_asks_where_no_engine_is_is_told(tmp_path: Path) -> None:
    hint = "start one with fixengine run"
    assert told_of(tmp_path) == f"{tmp_path}: no engine runs with this state directory; {hint}"
    nowhere = tmp_path / "nowhere"
    assert told_of(nowhere) == f"{nowhere}: is not there; {hint}"


@pytest.mark.parametrize("answer", [None, b"", b'{"ok":true,', b'{"ok":false,"error":"no"}\n'])
def test_who_asks_an_engine_that_does_not_answer_is_told(
    tmp_path: Path, answer: bytes | None
) -> None:
    path = tmp_path / NAME
    texts = {
        None: "no answer within 0.01 s; the engine starts, or it is stopped or held up",
        b'{"ok":false,"error":"no"}\n': "no",
    }
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(path))
        engine.listen()
        if answer is None:
            told = told_of(tmp_path, timeout_s=0.01)
        else:
            told = uvloop.run(answered(engine, answer, tmp_path))
    assert told == f"{path}: " + texts.get(answer, "the engine ended before it had answered")


async def answered(engine: socket.socket, answer: bytes, state_dir: Path) -> str:
    def play() -> None:
        peer, _ = engine.accept()
        with peer:
            peer.recv(100)
            peer.sendall(answer)

    told, _ = await asyncio.gather(asyncio.to_thread(told_of, state_dir), asyncio.to_thread(play))
    return told
