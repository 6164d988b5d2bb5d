"""`fixengine dictionary diff` as a user types it: what it prints, its exit status, its errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from dictionaries import official
from fixengine.cli import main
from fixengine.fix.dictionary import BYTES_MAX
from fixengine.fix.venues.binance import BINANCE_SPOT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A dictionary that says what the table says."""
    path = tmp_path / "oe.xml"
    path.write_text(official(BINANCE_SPOT))
    return path


def diff(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main(["dictionary", "diff", *map(str, arguments)])
    out, errors = capsys.readouterr()
    return status, out, errors


def test_nothing_has_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = sum(item.scope == "order_entry" for item in BINANCE_SPOT.overrides)
    assert diff(capsys, file) == (
        0,
        "order entry and drop copy, against the table of binance-spot\n\n"
        f"no differences; {known} known departures of the table left out\n",
        "",
    )


@pytest.mark.parametrize("kind", ["XP/8", "/", "XP/x/", "X P"])
def test_a_msgtype_that_is_none_is_not_compared(
    kind: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = f"<message name='Pause' msgtype='{kind}'><field name='Text' required='N'/></message>"
    file.write_text(file.read_text().replace("</messages>", f"{added}</messages>"))
    for arguments in ((), ("--json",)):
        status, out, errors = diff(capsys, file, *arguments)
        assert (status, out, errors.count("\n")) == (2, "", 1)
        assert errors.startswith(f"fixengine: {file}: message Pause: msgtype {kind} is not ")


def test_what_has_changed_is_grouped_by_message(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = file.read_text()
    text = text.replace(
        "<field name='Headline' required='Y'/>",
        "<field name='Headline' required='N'/><field name='Text' required='N'/>",
    )
    text = text.replace(
        "<value enum='4' description='FILL_OR_KILL'/>",
        "<value enum='4' description='FILL_OR_KILL'/>"
        "<value enum='6' description='GOOD_TILL_DATE'/>",
    )
    file.write_text(text)
    status, out, errors = diff(capsys, file)
    assert (status, errors) == (1, "")
    assert out.splitlines()[1:-2] == [
        "",
        "News<B>",
        "  ~ Headline<148> is optional; here required",
        "  + Text<58> is new, optional",
        "",
        "Fields",
        "  + TimeInForce<59>: value 6 GOOD_TILL_DATE is new",
    ]
    assert out.splitlines()[-1].startswith("3 differences; ")
    status, out, errors = diff(capsys, file, "--json")
    assert (status, errors) == (1, "")
    told = orjson.loads(out)
    assert told["dictionary"] == "order_entry"
    assert told["differences"][2] == {
        "path": "",
        "tag": 59,
        "what": "value 6",
        "theirs": "GOOD_TILL_DATE",
        "ours": "",
        "message": None,
        "field": "TimeInForce",
        "text": "TimeInForce<59>: value 6 GOOD_TILL_DATE is new",
    }


def test_an_override_that_is_settled_is_told_but_is_no_difference(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = file.read_text()
    file.write_text(text.replace("name='RawData' required='N'", "name='RawData' required='Y'"))
    status, out, _ = diff(capsys, file)
    assert status == 1
    assert "  ~ RawData<96> is required; here required of the client only" in out
    old, new = (f"name='EncryptMethod' required='{flag}'" for flag in "NY")
    assert old in text
    file.write_text(text.replace(old, new))
    status, out, _ = diff(capsys, file)
    assert status == 0
    assert "No longer so in the dictionary" in out


def test_the_market_data_dictionary(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(official(BINANCE_SPOT, "market_data"))
    status, out, errors = diff(capsys, file)
    assert (status, errors) == (0, "")
    assert out.startswith("market data, against the table of binance-spot\n\nno differences")


@pytest.mark.parametrize("name", ["spot-fix-oe.xml", "spot-fix-md.xml"])
def test_the_official_ones(
    name: str, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, errors = diff(capsys, shared_data / name)
    assert (status, errors) == (0, "")
    assert "no differences" in out


def test_an_sbe_schema(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shared_data / "spot-fixsbe-1_1.xml"
    assert diff(capsys, path) == (
        2,
        "",
        f"fixengine: {path}: is an SBE schema; only QuickFIX dictionaries can be compared\n",
    )


BOMB = '<!DOCTYPE fix [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><fix>&b;</fix>'
REFUSED = {
    b"": "is not XML: ",
    b"8=FIX.4.4": "is not XML: ",
    b"<html></html>": "is no QuickFIX dictionary: its root is <html>, not <fix>",
    BOMB.encode(): "declares a document type; entities are never expanded here",
    b" " * (BYTES_MAX + 1): f"has more than {BYTES_MAX} bytes",
    b"\xff\xfe\x00": "is not XML: ",
}


@pytest.mark.parametrize(("data", "why"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_cannot_be_compared_is_one_line(
    data: bytes, why: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(data)
    status, out, errors = diff(capsys, file)
    assert (status, out) == (2, "")
    assert errors.startswith(f"fixengine: {file}: {why}")
    assert errors.endswith("\n") and errors[:-1].isprintable()


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing.xml"
    assert diff(capsys, missing) == (2, "", f"fixengine: {missing}: No such file or directory\n")
    assert diff(capsys, tmp_path) == (2, "", f"fixengine: {tmp_path}: Is a directory\n")
    status, _, errors = diff(capsys, "a\0b")
    assert (status, errors.count("\n")) == (2, 1)


def test_a_full_disk_and_a_reader_that_leaves(file: Path) -> None:
    command = [sys.executable, "-m", "fixengine", "dictionary", "diff", str(file)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    why = "fixengine: the output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (2, why)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
        assert left.stdout is not None and left.stderr is not None
        left.stdout.close()
        assert left.stderr.read() == b""
        assert left.wait() == 1
