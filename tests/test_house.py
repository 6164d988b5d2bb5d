"""The rules of the house: which room may import which, and how code may look.

A room stands on a floor and imports downwards only. The rooms that decide know no clock, no
socket, no event loop and no chance: whatever they need of the world is an argument.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "engine" / "fixengine"
LINES_MAX = 70
OWN = "fixengine"

# For each room, the rooms of ours it may import. A name ending in '.' means the whole folder.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "__init__": (),
    "__main__": ("cli",),
    "messages.": ("messages.",),
    "wire": (),
    "link": (),
    "client.": ("messages", "client."),
    "fix.": (),
    "fix.fields": (),
    "fix.keys": (),
    "fix.peek": ("fix.fields", "wire"),
    "fix.grammar": (),
    "fix.validate": ("fix.fields", "fix.grammar"),
    "fix.history": (),
    "fix.gaps": (),
    "fix.resync": ("wire",),
    "fix.logs": (),
    "fix.masking": (),
    "fix.tree": ("fix.fields", "fix.venue"),
    "fix.decode": ("fix.fields", "fix.masking", "fix.tree", "fix.venue"),
    "fix.venue": ("fix.fields", "fix.grammar", "messages", "wire"),
    "fix.dictionary.": ("fix.fields", "fix.venue", "fix.dictionary."),
    "fix.venues.": ("messages", "fix.fields", "fix.grammar", "fix.venue", "fix.venues.", "wire"),
    "fix.states": ("fix.fields",),
    "fix.session": ("fix.fields", "fix.peek", "fix.states", "fix.venue", "wire"),
    "fix.header": ("fix.fields", "fix.validate", "wire"),
    "fix.write": ("fix.fields", "fix.grammar", "fix.validate"),
    "fix.classic_logon": (
        "fix.fields",
        "fix.peek",
        "fix.session",
        "fix.states",
        "fix.venue",
        "wire",
    ),
    "fix.judge": ("fix.", "wire"),
    "fix.remember": ("fix.", "wire"),
    "fix.classic": ("fix.", "wire"),
    "fix.logon": ("fix.fields", "fix.session", "fix.states", "fix.venue", "wire"),
    "desk.": ("messages", "wire", "desk."),
    "network.journal.": ("messages", "wire", "fix.masking", "network.journal."),
    # The process, and nothing else of the journal, has standard streams and knows a venue.
    "network.journal.command": (
        "fix.venues.",
        "network.checkpoint",
        "network.journal.",
        "network.replay.",
        "screens.streams",
    ),
    "network.config.": ("messages", "fix.", "network.config."),
    "network.sources.": ("messages", "wire", "fix.", "network.sources.", "network.config."),
    "network.sources.rest": (
        "fix.",
        "network.config.",
        "network.sources.",
        "network.transport",
    ),
    "network.sources.user_data": (
        "fix.",
        "network.config.",
        "network.sources.",
        "network.transport",
    ),
    "network.sources.worker": (
        "fix.",
        "network.config.",
        "network.host",
        "network.journal.process",
        "network.sources.",
        "network.transport",
    ),
    "network.clock": (),
    "network.state": ("fix.",),
    "network.transport": ("wire",),
    "network.bus": ("messages", "link", "network.strategies"),
    "network.strategies": ("messages",),
    "network.slot": ("messages", "fix."),
    "network.line": ("messages", "wire", "fix.", "desk.", "network.clock", "network.slot"),
    "network.lines": ("fix.", "desk.", "network.line"),
    "network.sessions": ("messages", "fix.", "network.slot"),
    "network.values": ("messages", "wire", "network.line"),
    "network.status_command": ("network.", "screens."),
    "network.": ("messages", "wire", "fix.", "desk.", "network."),
    "simulator.": ("messages", "wire", "fix.", "simulator."),
    # The process, and nothing else of the venue, has standard streams.
    "simulator.process": ("messages", "wire", "fix.", "simulator.", "screens.streams"),
    "simulator.faults.command": ("simulator.faults.", "screens.streams"),
    # Everything that decides, but nothing that shows or needs a machine.
    "testing.": (
        "messages",
        "wire",
        "client",
        "fix.",
        "desk.",
        "network.",
        "simulator.",
        "testing.",
    ),
    "pytest_plugin": ("client", "testing"),
    "screens.": ("messages", "screens."),
    "screens.message": ("fix.decode", "fix.tree"),
    "screens.decode": (
        "fix.decode",
        "fix.logs",
        "fix.venues.",
        "screens.message",
        "screens.streams",
    ),
    "demo.": (
        "messages",
        "wire",
        "fix.",
        "client",
        "demo.",
        "screens.",
        # Text only: the one place that writes an engine.toml for the built-in venue.
        "simulator.engine_config",
    ),
    "demo.bench": (
        "client",
        "demo.",
        "screens.",
        "network.latency",
        "network.latency_file",
    ),
    "cli": ("", "fix.", "network.", "simulator.", "demo.", "screens.", "wire"),
}

DECIDES = (
    "fix/decode.py",
    "fix/classic.py",
    "fix/classic_logon.py",
    "fix/gaps.py",
    "fix/grammar.py",
    "fix/header.py",
    "fix/history.py",
    "fix/remember.py",
    "fix/resync.py",
    "fix/validate.py",
    "fix/logs.py",
    "fix/masking.py",
    "fix/tree.py",
    "fix/session.py",
    "fix/states.py",
    "fix/logon.py",
    "fix/dictionary",
    "fix/venue.py",
    "fix/venues",
    "fix/write.py",
    "desk",
    "network/clock.py",
    "network/answers.py",
    "network/arriving.py",
    "network/gate.py",
    "network/foreign.py",
    "network/gateway.py",
    "network/held.py",
    "network/idle.py",
    "network/instrument_room.py",
    "network/intents.py",
    "network/leaving.py",
    "network/limit_room.py",
    "network/limits.py",
    "network/latency.py",
    "network/line.py",
    "network/lines.py",
    "network/malformed.py",
    "network/questions.py",
    "network/reports.py",
    "network/sessions.py",
    "network/slot.py",
    "network/sources/answers.py",
    "network/sources/asks.py",
    "network/sources/budget.py",
    "network/sources/events.py",
    "network/sources/normalise.py",
    "network/sources/packets.py",
    "network/strategies.py",
    "network/stream.py",
    "network/teller.py",
    "network/trouble.py",
    "network/values.py",
    "network/renamed.py",
    "simulator/accounts.py",
    "simulator/admission.py",
    "simulator/amending.py",
    "simulator/book.py",
    "simulator/cancelling.py",
    "simulator/checks.py",
    "simulator/choices.py",
    "simulator/ending.py",
    "simulator/exchange.py",
    "simulator/exchange_info.py",
    "simulator/feed.py",
    "simulator/history.py",
    "simulator/house.py",
    "simulator/list_placing.py",
    "simulator/list_play.py",
    "simulator/list_reports.py",
    "simulator/list_rules.py",
    "simulator/lists.py",
    "simulator/market.py",
    "simulator/meter.py",
    "simulator/parameters.py",
    "simulator/prevention.py",
    "simulator/rest.py",
    "simulator/faults/__init__.py",
    "simulator/faults/active.py",
    "simulator/faults/frames.py",
    "simulator/faults/names.py",
    "simulator/faults/sessions.py",
    "simulator/orders.py",
    "simulator/placing.py",
    "simulator/refusals.py",
    "simulator/replacing.py",
    "simulator/reports.py",
    "simulator/syntax.py",
    "simulator/triggers.py",
)
FORBIDDEN_WHERE_DECIDED = {"asyncio", "zmq", "socket", "time", "random", "logging", "uvloop"}


def modules() -> Iterator[tuple[str, Path]]:
    """(dotted name within the package, path) of every Python file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__" and len(parts) > 1:
            parts[-1] = ""
        yield ".".join(parts), path


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of everything a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if is_module(full) else node.module


def is_module(full: str) -> bool:
    """Whether a dotted name of ours is a file or a folder, not a thing in one."""
    at = PACKAGE.parent.joinpath(*full.split("."))
    return at.is_dir() or at.with_suffix(".py").exists() or at.with_suffix(".pyi").exists()


def rule_of(name: str) -> tuple[str, ...]:
    """The most specific rule for a room."""
    fitting = [
        rule for rule in MAY_IMPORT if rule == name or (rule[-1] == "." and name.startswith(rule))
    ]
    assert fitting, f"{name}: no place in the import order; give it one in MAY_IMPORT"
    return MAY_IMPORT[max(fitting, key=len)]


def allowed(imported: str, rule: tuple[str, ...]) -> bool:
    """Whether a name of ours (without the package) is covered by a rule."""
    for door in rule:
        if not door:
            fits = imported.startswith("__")
        elif door.endswith("."):
            fits = imported == door[:-1] or imported.startswith(door)
        else:
            fits = imported == door or imported.startswith(door + ".")
        if fits:
            return True
    return False


def test_imports_go_downwards_only() -> None:
    faults = []
    for name, path in modules():
        rule = rule_of(name)
        for full in imports(ast.parse(path.read_text())):
            if not full.startswith(OWN + "."):
                continue
            imported = full.removeprefix(OWN + ".")
            if not allowed(imported, rule):
                faults.append(f"{name} imports {imported}")
    assert not faults


def test_what_decides_knows_no_world() -> None:
    faults = []
    for place in DECIDES:
        at = PACKAGE / place
        files = sorted(at.rglob("*.py")) if at.is_dir() else [at]
        for path in files:
            for full in imports(ast.parse(path.read_text())):
                if full.split(".")[0] in FORBIDDEN_WHERE_DECIDED:
                    faults.append(f"{path.relative_to(PACKAGE)} imports {full}")
    assert not faults


def test_the_client_loads_no_compiled_module_of_ours() -> None:
    for name, path in modules():
        if name.split(".")[0] == "client":
            names = set(imports(ast.parse(path.read_text())))
            ours = ("fixengine.wire", "fixengine.link")
            assert not any(full.startswith(ours) for full in names), path


def test_functions_are_short_and_documented() -> None:
    faults = []
    for _, path in modules():
        tree = ast.parse(path.read_text())
        where = path.relative_to(PACKAGE)
        if not ast.get_docstring(tree) and path.stat().st_size:
            faults.append(f"{where}: no docstring at its top")
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            length = (node.end_lineno or 0) - node.lineno + 1
            if not isinstance(node, ast.ClassDef) and length > LINES_MAX:
                faults.append(f"{where}: {node.name} has {length} lines")
    assert not faults


def test_public_things_have_docstrings() -> None:
    faults = []
    for _, path in modules():
        tree = ast.parse(path.read_text())
        holders = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
        for holder in holders:
            for node in holder.body:
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    continue
                setter = any(".setter" in ast.unparse(mark) for mark in node.decorator_list)
                if not node.name.startswith("_") and not setter and not ast.get_docstring(node):
                    faults.append(f"{path.relative_to(PACKAGE)}: {node.name}")
    assert not faults


@pytest.mark.parametrize("suffix", [".pyx", ".pxi", ".h", ".pxd"])
def test_compiled_parts_say_their_job_and_fit_the_page(suffix: str) -> None:
    for path in sorted((ROOT / "csrc").glob(f"*{suffix}")):
        lines = path.read_text().splitlines()
        assert lines[0].startswith(("#", '"""', "/*", "//")), f"{path.name}: no word on its job"
        long = [number for number, line in enumerate(lines, 1) if len(line) > 100]
        assert not long, f"{path.name}: lines over 100 columns: {long}"


def test_no_bare_or_broad_except() -> None:
    faults = []
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or ast.unparse(node.type) == "Exception"
            if broad:
                faults.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert not faults


def test_no_exception_is_raised_twice() -> None:
    """Each raise adds to the traceback of an exception, and so keeps all frames that it left."""
    faults = []
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            raised = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(raised, ast.Name) and raised.id.isupper():
                faults.append(f"{path.relative_to(PACKAGE)}:{raised.lineno}: {raised.id}")
    assert not faults
