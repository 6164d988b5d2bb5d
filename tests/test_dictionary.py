"""Our table against the venue's official dictionaries, and what is told of a changed one."""

from __future__ import annotations

from pathlib import Path

import pytest
from dictionaries import official
from fixengine.fix.dictionary import (
    BYTES_MAX,
    Comparison,
    DictionaryError,
    as_json,
    compare,
    lines,
    own,
    read,
    scope_of,
)
from fixengine.fix.dictionary.model import Difference
from fixengine.fix.venue import Override
from fixengine.fix.venues.binance import BINANCE_SPOT
from fixengine.fix.venues.binance.overrides import OVERRIDES
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = {"order_entry": "spot-fix-oe.xml", "market_data": "spot-fix-md.xml"}


def against(data: bytes | str, scope: str, overrides: tuple[Override, ...]) -> Comparison:
    theirs = read(data.encode() if isinstance(data, str) else data)
    assert scope_of(BINANCE_SPOT, theirs) == scope
    mine = tuple(item for item in overrides if item.scope == scope)
    return compare(theirs, own(BINANCE_SPOT, scope), mine)


# --- the real ones --------------------------------------------------------------------------


@pytest.mark.parametrize("scope", FILES)
def test_the_table_is_the_official_dictionary_but_for_what_is_explained(
    scope: str, shared_data: Path
) -> None:
    found = against((shared_data / FILES[scope]).read_bytes(), scope, OVERRIDES)
    assert found.new == ()
    assert found.settled == ()


@pytest.mark.parametrize(
    "override", OVERRIDES, ids=lambda item: f"{item.path}{item.tag}{item.what}"
)
def test_each_override_is_explained_and_still_needed(override: Override, shared_data: Path) -> None:
    rest = tuple(item for item in OVERRIDES if item is not override)
    data = (shared_data / FILES[override.scope]).read_bytes()
    assert against(data, override.scope, rest).new == (Difference(*override[1:6]),)
    assert len(override.why) > 20


@pytest.mark.parametrize("scope", FILES)
def test_what_the_tests_write_is_what_the_venue_wrote(scope: str, shared_data: Path) -> None:
    theirs = read((shared_data / FILES[scope]).read_bytes())
    ours = read(official(BINANCE_SPOT, scope).encode())
    assert (ours.version, ours.names, ours.enums) == (theirs.version, theirs.names, theirs.enums)
    assert ours.messages == theirs.messages
    unused = theirs.types.keys() - own(BINANCE_SPOT, scope).types.keys()
    assert unused == {"order_entry": {811, 25052}, "market_data": {25052, 25056}}[scope]
    for tag in ours.types.keys() - unused:
        assert ours.types[tag] == theirs.types[tag], tag


# --- a changed one --------------------------------------------------------------------------

LAST_FIELD = "<field number='25056' name='ExpiryReason' type='INT'>"
NEW_FIELD = (
    "<field number='25099' name='Mood' type='INT'><value enum='1' description='FINE'/></field>"
)
CHANGES = {
    "nothing": ("", "", []),
    "version": ("minor='4'", "minor='5'", ["Dictionary", "~ version FIX.4.5; here FIX.4.4"]),
    "message added": (
        "</messages>",
        "<message name='Pause' msgcat='app' msgtype='XP'><field name='Symbol' required='Y'/>"
        "<group name='NoOrders' required='N'><field name='ClOrdID' required='Y'/></group>"
        "</message></messages>",
        [
            "Pause<XP>",
            "+ the message is new",
            "+ Symbol<55> is new, required",
            "+ NoOrders<73> is new, optional",
            "+ ClOrdID<11> in NoOrders<73> is new, required",
        ],
    ),
    "message removed": (
        "<message name='LimitQuery' msgcat='app' msgtype='XLQ'>\n"
        "<field name='ReqID' required='Y'/>\n</message>",
        "",
        ["LimitQuery<XLQ>", "- the message is gone"],
    ),
    "message renamed": (
        "name='LimitQuery'",
        "name='LimitAsk'",
        ["LimitAsk<XLQ>", "~ the message: name is LimitAsk; here LimitQuery"],
    ),
    "category": (
        "name='LimitQuery' msgcat='app'",
        "name='LimitQuery' msgcat='admin'",
        ["LimitQuery<XLQ>", "~ the message: category is admin; here app"],
    ),
    "field removed": (
        "<field name='Headline' required='Y'/>",
        "",
        ["News<B>", "- Headline<148> is gone"],
    ),
    "field added": (
        "<field name='Headline' required='Y'/>",
        "<field name='Headline' required='Y'/><field name='Text' required='N'/>",
        ["News<B>", "+ Text<58> is new, optional"],
    ),
    "required": (
        "<field name='Headline' required='Y'/>",
        "<field name='Headline' required='N'/>",
        ["News<B>", "~ Headline<148> is optional; here required"],
    ),
    "required of an override": (
        "<field name='EncryptMethod' required='N'/>",
        "<field name='EncryptMethod' required='Y'/>",
        [
            "No longer so in the dictionary, though the table's list of departures has it",
            "~ EncryptMethod<98> is optional; here required (one message serves request and reply;"
            " the prose requires it of the side that has to send it)",
        ],
    ),
    "moved": (
        "<field name='Symbol' required='Y'/>\n<field name='ClOrdID' required='Y'/>\n"
        "<field name='MassCancelRequestType' required='Y'/>\n</message>",
        "<field name='ClOrdID' required='Y'/>\n<field name='Symbol' required='Y'/>\n"
        "<field name='MassCancelRequestType' required='Y'/>\n</message>",
        [
            "OrderMassCancelRequest<q>",
            "~ Symbol<55> stands behind ClOrdID<11>; here first",
        ],
    ),
    "moved in a group": (
        "<field name='ListTriggerType' required='Y'/>\n"
        "<field name='ListTriggerTriggerIndex' required='Y'/>\n"
        "<field name='ListTriggerAction' required='Y'/>",
        "<field name='ListTriggerType' required='Y'/>\n"
        "<field name='ListTriggerAction' required='Y'/>\n"
        "<field name='ListTriggerTriggerIndex' required='Y'/>",
        [
            "NewOrderList<E>",
            "~ ListTriggerTriggerIndex<25012> in NoListTriggeringInstructions<25010>"
            " in NoOrders<73> stands behind ListTriggerAction<25013>;"
            " here behind ListTriggerType<25011>",
        ],
    ),
    "group became a field": (
        "<group name='NoMiscFees' required='N'>\n<field name='MiscFeeAmt' required='Y'/>\n"
        "<field name='MiscFeeCurr' required='Y'/>\n<field name='MiscFeeType' required='Y'/>\n"
        "</group>",
        "<field name='NoMiscFees' required='N'/>",
        ["ExecutionReport<8>", "~ NoMiscFees<136> is a field; here a group"],
    ),
    "group member removed": (
        "<field name='MiscFeeCurr' required='Y'/>\n",
        "",
        ["ExecutionReport<8>", "- MiscFeeCurr<138> in NoMiscFees<136> is gone"],
    ),
    "header": (
        "<field name='MsgSeqNum' required='Y'/>\n",
        "<field name='MsgSeqNum' required='Y'/>\n<field name='Text' required='N'/>\n",
        ["header", "+ Text<58> is new, optional"],
    ),
    "field defined": (
        LAST_FIELD,
        NEW_FIELD + LAST_FIELD,
        [
            "Fields",
            "+ Mood<25099> is new",
            "+ Mood<25099>: type is INT",
            "+ Mood<25099>: value 1 FINE is new",
        ],
    ),
    "field no longer defined": (
        "<field number='811' name='PriceDelta' type='STRING'/>\n",
        "",
        ["Fields", "- PriceDelta<811> is gone"],
    ),
    "field renamed": (
        "name='PriceDelta'",
        "name='PriceStep'",
        ["Fields", "~ PriceStep<811>: name is PriceStep; here PriceDelta"],
    ),
    "type": (
        "name='Price' type='PRICE'",
        "name='Price' type='QTY'",
        ["Fields", "~ Price<44>: type is QTY; here price"],
    ),
    "type of the header": (
        "name='RecvWindow' type='FLOAT'",
        "name='RecvWindow' type='INT'",
        ["Fields", "~ RecvWindow<25000>: type is INT; here float"],
    ),
    "unheard-of type": (
        "name='Price' type='PRICE'",
        "name='Price' type='MOOD'",
        ["Fields", "~ Price<44>: type is MOOD; here price"],
    ),
    "value added": (
        "<value enum='2' description='SELL'/>",
        "<value enum='2' description='SELL'/><value enum='5' description='SHORT'/>",
        ["Fields", "+ Side<54>: value 5 SHORT is new"],
    ),
    "value removed": (
        "<value enum='2' description='SELL'/>\n",
        "",
        ["Fields", "- Side<54>: value 2 SELL is gone"],
    ),
    "value renamed": (
        "<value enum='2' description='SELL'/>",
        "<value enum='2' description='VEND'/>",
        ["Fields", "~ Side<54>: value 2 is VEND; here SELL"],
    ),
    "all values removed": (
        "<value enum='1' description='CANCEL_SYMBOL_ORDERS'/>\n</field>\n<field number='531'",
        "</field>\n<field number='531'",
        ["Fields", "- MassCancelRequestType<530>: value 1 CANCEL_SYMBOL_ORDERS is gone"],
    ),
    "value of MsgType": (
        "<value enum='XLR' description='LIMIT_RESPONSE'/>",
        "<value enum='XLR' description='LIMIT_RESPONSE'/>"
        "<value enum='V' description='MARKET_DATA_REQUEST'/>",
        ["Fields", "+ MsgType<35>: value V MARKET_DATA_REQUEST is new"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_kind_of_change_is_told_in_words(name: str) -> None:
    before, after, told = CHANGES[name]
    text = official(BINANCE_SPOT)
    assert before in text
    text = text.replace(before, after, 1) if before else text
    comparison = against(text, "order_entry", OVERRIDES)
    theirs, ours = read(text.encode()), own(BINANCE_SPOT, "order_entry")
    found = [line.strip() for line in lines(BINANCE_SPOT, "order_entry", theirs, ours, comparison)]
    count = len(comparison.new)
    assert found[0] == "order entry and drop copy, against the table of binance-spot"
    assert [line for line in found[1:-1] if line] == told
    known = sum(item.scope == "order_entry" for item in OVERRIDES) - len(comparison.settled)
    number = {0: "no differences", 1: "1 difference"}.get(count, f"{count} differences")
    assert found[-1] == f"{number}; {known} known departures of the table left out"
    json = as_json(BINANCE_SPOT, "order_entry", theirs, ours, comparison)
    assert [item["text"] for item in json["differences"]] == [
        line[2:] for line in found[1:-1] if line[:2] in ("+ ", "- ", "~ ")
    ][:count]
    assert (json["known"], len(json["settled"])) == (known, len(comparison.settled))


def test_a_component_is_read_as_what_it_stands_for() -> None:
    text = official(BINANCE_SPOT)
    peg = [
        f"<field name='{name}' required='N'/>"
        for name in ("PegOffsetValue", "PegPriceType", "PegMoveType", "PegOffsetType")
    ]
    inner = f"<component name='Inner'>{peg[2]}{peg[3].replace(chr(39) + 'N', chr(39) + 'Y')}"
    outer = f"<component name='Outer'>{peg[0]}{peg[1]}<component name='Inner' required='N'/>"
    assert text.count("\n".join(peg)) == 4
    text = text.replace("\n".join(peg), "<component name='Outer' required='N'/>")
    text = text.replace(
        "<fields>", f"<components>{outer}</component>{inner}</component></components><fields>"
    )
    found = {(item.tag, item.theirs) for item in against(text, "order_entry", OVERRIDES).new}
    assert found == {(836, "with")}
    text = text.replace("name='Outer' required='N'", "name='Outer' required='Y'")
    told = [
        (item.path, item.tag, item.theirs) for item in against(text, "order_entry", OVERRIDES)[0]
    ]
    assert told[:4] == [
        ("8", 211, "any"),
        ("8", 1094, "any"),
        ("8", 835, "any"),
        ("8", 836, "with"),
    ]
    assert len(told) == 16
    text = text.replace("name='Inner' required='N'", "name='Inner' required='Y'")
    found = {(item.tag, item.theirs) for item in against(text, "order_entry", OVERRIDES).new}
    assert found == {(836, "Y")}


def test_a_service_pack_is_a_version_of_its_own() -> None:
    text = official(BINANCE_SPOT)
    for pack, new in (("0", ()), ("1", (("", 0, "version", "FIX.4.4SP1", "FIX.4.4"),))):
        theirs = text.replace("minor='4'", f"minor='4' servicepack='{pack}'")
        assert against(theirs, "order_entry", OVERRIDES).new == new


REFRESHED = "<field name='MDEntrySize' required='N'/>\n<field name='MDEntryType' required='Y'/>"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "name='MarketDataRequest'",
            "name='MarketDataAsk'",
            "~ the message: name is MarketDataAsk; here MarketDataRequest",
        ),
        (
            "description='OFFER'",
            "description='ASK'",
            "~ MDEntryType<269>: value 1 is ASK; here OFFER",
        ),
        (
            REFRESHED,
            REFRESHED.replace("'N'", "'Y'"),
            "~ MDEntrySize<271> in NoMDEntries<268> is required; here optional",
        ),
        (
            REFRESHED,
            REFRESHED.replace("'Y'", "'N'"),
            "~ MDEntryType<269> in NoMDEntries<268> is optional; here required",
        ),
        (REFRESHED, "", "- MDEntrySize<271> in NoMDEntries<268> is gone"),
        ("name='MDEntrySize' type='QTY'", "name='MDEntrySize' type='PRICE'", "is PRICE; here qty"),
        (
            "<field name='SBESchemaID' required='N'/>",
            "<field name='DropCopyFlag' required='N'/>",
            "- SBESchemaID<25050> is gone",
        ),
    ],
)
def test_a_changed_market_data_dictionary(before: str, after: str, told: str) -> None:
    text = official(BINANCE_SPOT, "market_data")
    assert before in text
    text = text.replace(
        "<fields>", "<fields><field name='DropCopyFlag' number='9406' type='BOOLEAN'/>"
    )
    text = text.replace(before, after)
    theirs, ours = read(text.encode()), own(BINANCE_SPOT, "market_data")
    comparison = against(text, "market_data", OVERRIDES)
    found = list(lines(BINANCE_SPOT, "market_data", theirs, ours, comparison))
    assert any(told in line for line in found), found


# --- what is none ---------------------------------------------------------------------------

FIX = "<fix type='FIX' major='4' minor='4'>"
SOME = "<fields><field number='1' name='A' type='INT'/></fields>"


def message(*members: str, components: str = "") -> str:
    inner = "".join(members)
    return (
        f"{FIX}<messages><message name='M' msgcat='app' msgtype='D'>{inner}</message></messages>"
        f"<components>{components}</components>{SOME}</fix>"
    )


def bombs() -> str:
    """Ten levels of components, each ten times the next: no entity is needed for it."""
    parts = []
    for level in range(10):
        inner = f"<component name='C{level + 1}' required='N'/>" * 10 if level < 9 else ""
        parts.append(f"<component name='C{level}'>{inner}</component>")
    return message("<component name='C0' required='N'/>", components="".join(parts))


def stairs(count: int) -> str:
    """Components within components, each once."""
    parts = [
        f"<component name='C{at}'><component name='C{at + 1}' required='N'/></component>"
        for at in range(count)
    ]
    last = f"<component name='C{count}'></component>"
    return message("<component name='C0' required='N'/>", components="".join([*parts, last]))


LAUGHS = (
    '<!DOCTYPE fix [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><fix>&c;</fix>'
)
FAULTS = {
    "": "is not XML: ",
    "hello": "is not XML: ",
    "<fix": "is not XML: ",
    "<a/><b/>": "is not XML: ",
    "<?xml version='1.0' encoding='klingon'?><fix/>": "is not XML: unknown encoding",
    "<repository/>": "is no QuickFIX dictionary: its root is <repository>, not <fix>",
    "<sbe:messageSchema/>": "is an SBE schema; only QuickFIX dictionaries can be compared",
    "<fix/>": "is no QuickFIX dictionary: it has no <messages>",
    f"{FIX}<messages/></fix>": "is no QuickFIX dictionary: it has no <fields>",
    f"<fix><messages/>{SOME}</fix>": "has a <fix> without type",
    f"{FIX}<moods/></fix>": "has a section <moods> that we do not know",
    f"{FIX}<messages/><messages/></fix>": "has two sections <messages>",
    f"{FIX}<messages><x/></messages>{SOME}</fix>": "has a <x> in <messages>",
    f"{FIX}<messages><message/></messages>{SOME}</fix>": "has a <message> without msgtype",
    f"{FIX}<messages/><fields><field number='0' name='A' type='INT'/></fields></fix>": (
        "field A: 0 is no tag number"
    ),
    f"{FIX}<messages/><fields><field number='-1' name='A' type='INT'/></fields></fix>": (
        "field A: -1 is no tag number"
    ),
    f"{FIX}<messages/>{SOME.replace('</fields>', '')}<field number='1' name='B' type='INT'/>"
    "</fields></fix>": "defines field B<1>, its name or its tag, twice",
    f"{FIX}<messages/><fields><field number='1' name='A\x7f' type='INT'/></fields></fix>": (
        "has a <field> whose name is not 1 to 256 printable ASCII characters"
    ),
    f"{FIX}<messages/><fields><field number='1' name='A' type='INT'><value enum='1'/></field>"
    "</fields></fix>": "has a <value> without description",
    f"{FIX}<messages/><fields><field number='1' name='A' type='INT'><x/></field></fields></fix>": (
        "field A: <x> where values stand"
    ),
    f"{FIX}<messages/><fields><field number='1' name='A' type='INT'>"
    + "<value enum='1' description='X'/>" * 2
    + "</field></fields></fix>": "field A: has two values 1",
    message(components="<component name='C'/>" * 2): "has two components C",
    message("<field name='B' required='Y'/>"): "M: B is not among the fields",
    message("<field name='A' required='X'/>"): "M: required of A is neither Y nor N",
    message("<field name='A'/>"): "has a <field> without required",
    message("<value name='A' required='Y'/>"): "M: <value> where fields stand",
    message("<field name='A' required='Y'/>" * 2): "M: A stands there twice",
    message("<component name='C' required='Y'/>"): "M: component C is not defined",
    message(
        "<component name='C' required='Y'/>",
        components="<component name='C'><component name='C' required='Y'/></component>",
    ): "component C contains itself",
    message().replace(
        "msgcat='app'", "msgcat='mood'"
    ): "message M: msgcat is neither admin nor app",
    message().replace(
        "</messages>", "<message name='N' msgtype='D'/></messages>"
    ): "has two messages with msgtype D",
    **{
        message().replace("msgtype='D'", f"msgtype='{kind}'"): (
            f"message M: msgtype {shown} is not 1 to 8 printable characters without"
        )
        for kind, shown in {
            "D/8": "D/8",
            "/": "/",
            "D/x": "D/x",
            "D 8": "D 8",
            "D=8": "D=8",
            "D|8": "D|8",
            "D&gt;": "D>",
            "D&lt;8": "D<8",
            "DDDDDDDDD": "DDDDDDDDD",
        }.items()
    },
    message().replace("msgtype='D'", "msgtype='header'"): "message M: msgtype header is not",
    message().replace("msgtype='D'", "msgtype='trailer'"): "message M: msgtype trailer is not",
    "<a>" * 17 + "</a>" * 17: "nests its elements more than 16 deep",
    f"<fix>{'<a/>' * 200_000}</fix>": "has more than 200000 elements",
    " " * (BYTES_MAX + 1): f"has more than {BYTES_MAX} bytes",
    LAUGHS: "declares a document type; entities are never expanded here",
    "<!DOCTYPE fix SYSTEM 'file:///etc/hostname'><fix/>": (
        "declares a document type; entities are never expanded here"
    ),
    "<!DOCTYPE fix><fix/>": "declares a document type; entities are never expanded here",
    stairs(20): "nests components more than 16 deep",
    f"{FIX}<messages/>{SOME.replace('A', chr(0xC4))}</fix>": "has a <field> whose name is not 1",
    bombs(): "has more than 200000 fields in its messages",
}


@pytest.mark.parametrize(("text", "why"), FAULTS.items(), ids=range(len(FAULTS)))
def test_what_is_no_dictionary_is_said_in_one_line(text: str, why: str) -> None:
    with pytest.raises(DictionaryError) as caught:
        read(text.encode())
    assert str(caught.value).startswith(why)
    assert str(caught.value).isprintable()


def test_a_dictionary_of_somebody_else_is_not_compared() -> None:
    theirs = read(f"{FIX}<messages/>{SOME}</fix>".encode())
    with pytest.raises(DictionaryError, match="has no message of binance-spot but those"):
        scope_of(BINANCE_SPOT, theirs)


TEXT = official(BINANCE_SPOT).encode()


@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 40), st.binary(max_size=8))))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(cuts: list[tuple[int, int, bytes]]) -> None:
    data = TEXT
    for at, length, put in cuts:
        data = data[:at] + put + data[at + length :]
    why = ""
    try:
        theirs = read(data)
        scope = scope_of(BINANCE_SPOT, theirs)
    except DictionaryError as problem:
        why = str(problem)
    assert why.isprintable()
    if why:
        return
    ours = own(BINANCE_SPOT, scope)
    comparison = compare(theirs, ours, OVERRIDES)
    for line in lines(BINANCE_SPOT, scope, theirs, ours, comparison):
        assert line == "" or line.isprintable()
    as_json(BINANCE_SPOT, scope, theirs, ours, comparison)
