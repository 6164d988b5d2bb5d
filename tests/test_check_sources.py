"""`fixengine check` and the second sources, against the built-in venue as `simulate` starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from processes import Stage, stage, write_config
from test_cli import fixengine

__all__ = ["stage"]


def last_finding(config: Path) -> tuple[int, dict[str, Any]]:
    """Exit status and the last step of a check."""
    status, out, errors = fixengine("check", str(config), "--json")
    assert errors == ""
    return status, orjson.loads(out.splitlines()[-1])


def test_the_engine_toml_of_the_simulator_finds_its_rest(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    config = tmp_path / "venue" / "engine.toml"
    assert f"[sources]\nport = {venue.web_port}\n" in config.read_text()
    status, step = last_finding(config)
    assert (status, step["name"], step["ok"]) == (0, "rest", True)
    assert f"127.0.0.1:{venue.web_port}, our clock " in step["text"]
    assert step["text"].endswith(
        " ms; account may trade, balances in 6 assets; weight 21 of 6000 used"
    )


@pytest.mark.parametrize("which", ["key", "port"])
def test_check_says_what_is_wrong_with_rest(stage: Stage, tmp_path: Path, which: str) -> None:
    venue = stage.venue()
    other = stage.acceptor("other").place
    sources: dict[str, Any] = {"port": venue.web_port, "deadline_ms": 1000}
    text = "account: Invalid API-key, IP, or permissions for action."
    if which == "key":
        sources["api_key_file"] = str(other.api_key_file)
        sources["private_key_file"] = str(other.private_key_file)
    else:
        sources["port"] = 1
        text = "time: 127.0.0.1:1: "
    config, _ = write_config(tmp_path, venue.place, sources=sources)
    status, step = last_finding(config)
    assert (status, step["name"], step["ok"]) == (1, "rest", False)
    assert step["text"].startswith(text)


def test_check_does_not_ask_rest_where_it_is_off(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    sources = {"port": venue.web_port, "rest": False}
    config, _ = write_config(tmp_path, venue.place, sources=sources)
    status, step = last_finding(config)
    assert (status, step["name"], step["ok"]) == (0, "logon", True)


def test_the_simulator_names_a_web_port_it_cannot_have(stage: Stage, tmp_path: Path) -> None:
    venue = stage.venue()
    options = ("--port", "0", "--web-port", str(venue.web_port))
    status, out, errors = fixengine("simulate", *options, "--state-dir", str(tmp_path / "v"))
    assert (status, out) == (2, "")
    assert errors.startswith(f"fixengine simulate: cannot listen on 127.0.0.1:{venue.web_port}: ")
    assert errors.endswith("; choose another --web-port, or 0 for any free one\n")
