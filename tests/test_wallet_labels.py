"""Label files: BIP329's vector, what comes back, and what a hostile file can do."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.chain.network import get_network
from wallet import labels
from wallet.labels import (
    MAX_LABEL,
    MAX_RECORDS,
    LabelRecord,
    LabelsError,
    LabelType,
    read_labels,
    write_labels,
)

MAIN = get_network("bitcoin-main")
TXID = "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd"
ADDRESS = "bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7c"
XPUB, PUBKEY = (
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
    "0283409659355b6d1cc3c32decd5d561abaac86c37a353b52895a5e6c196d6f448",
)
BIP329 = f"""\
{{ "type": "tx", "ref": "{TXID}", "label": "Transaction", "origin": "wpkh([d34db33f/84'/0'/0'])" }}
{{ "type": "addr", "ref": "{ADDRESS}", "label": "Address" }}
{{ "type": "pubkey", "ref": "{PUBKEY}", "label": "Public Key" }}
{{ "type": "input", "ref": "{TXID}:0", "label": "Input" }}
{{ "type": "output", "ref": "{TXID}:1", "label": "Output", "spendable": false }}
{{ "type": "xpub", "ref": "{XPUB}", "label": "Extended Public Key" }}
{{ "type": "tx", "ref": "f546156d9044844e02b181026a1a407abfca62e7ea1159f87bbeaa77b4286c74", \
"label": "Account #1 Transaction", "origin": "wpkh([d34db33f/84'/0'/1'])" }}
"""


def test_bip329_vector() -> None:
    found = read_labels(BIP329.encode(), MAIN)
    assert found.problem_count == 0
    assert [record.type.value for record in found.records] == [
        "tx",
        "addr",
        "pubkey",
        "input",
        "output",
        "xpub",
        "tx",
    ]
    assert found.records[0] == LabelRecord(
        LabelType.TX, TXID, "Transaction", "wpkh([d34db33f/84'/0'/0'])"
    )
    assert found.records[4].spendable is False
    assert read_labels("".join(write_labels(found.records)).encode(), MAIN) == found


def test_what_is_left_out_is_not_changed() -> None:
    line = json.dumps({"type": "output", "ref": f"{TXID.upper()}:1", "spendable": True})
    (record,) = read_labels(line.encode(), MAIN).records
    assert (record.ref, record.label, record.spendable) == (f"{TXID}:1", None, True)
    assert "label" not in next(write_labels([record]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "not JSON"),
        ("[" * 15_000, "not JSON"),
        ("1" * 15_000, "not JSON"),
        ("[]", "JSON object"),
        ('{"type": "coin", "ref": "x", "label": "y"}', "type is none"),
        ('{"type": ["tx"], "ref": "x"}', "type is none"),
        (f'{{"type": "tx", "ref": "{TXID}", "label": 7}}', "label is not a text"),
        (f'{{"type": "tx", "ref": "{TXID}", "label": "\\u0000"}}', "character"),
        (f'{{"type": "tx", "ref": "{TXID}", "label": "\\ud800"}}', "character"),
        (f'{{"type": "tx", "ref": "{TXID}", "label": "x", "spendable": true}}', "only an output"),
        (f'{{"type": "output", "ref": "{TXID}:0", "spendable": "false"}}', "true or false"),
        (f'{{"type": "output", "ref": "{TXID}:00", "label": "x"}}', "refers to"),
        (f'{{"type": "tx", "ref": "{TXID[1:]}", "label": "x"}}', "refers to"),
        ('{"type": "tx", "label": "x"}', "refers to"),
        ('{"type": "addr", "ref": "ltc1q34aq5drpuwy3wgl9lhup9892qp6svr8l", "label": "x"}', "check"),
        ('{"type": "xpub", "ref": "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3w", "label": "x"}', "private"),
        ('{"type": "tx", "ref": "x", "label": "' + "x" * 20_000 + '"}', "too many for a line"),
        (f'{{"type": "tx", "ref": "{TXID}", "origin": "{"x" * 2_000}"}}', "origin"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_and_the_rest_is_read(line: str, said: str) -> None:
    found = read_labels(f"{line}\n\n{BIP329}".encode(), MAIN)
    assert len(found.records) == 7
    assert [problem.line for problem in found.problems] == [1]
    assert said in found.problems[0].message


@pytest.mark.parametrize(("vout", "read"), [(2**31 - 1, 1), (2**31, 0), (9_999_999_999, 0)])
def test_outputs_are_numbered_as_a_database_can(vout: int, read: int) -> None:
    line = json.dumps({"type": "output", "ref": f"{TXID}:{vout}", "spendable": False})
    assert len(read_labels(line.encode(), MAIN).records) == read


def test_long_labels_are_cut_and_that_is_told() -> None:
    line = json.dumps({"type": "tx", "ref": TXID, "label": "é" * 300})
    found = read_labels(line.encode(), MAIN)
    assert found.records[0].label == "é" * MAX_LABEL
    assert "cut" in found.problems[0].message


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabelsError, match="UTF-8"):
        read_labels(b"\xff\xfe", MAIN)
    with pytest.raises(LabelsError, match="lines"):
        read_labels(b"x\n" * (MAX_RECORDS + 1), MAIN)
    many = read_labels(b"x\n" * MAX_RECORDS, MAIN)
    assert many.problem_count == MAX_RECORDS
    assert len(many.problems) == 50
    monkeypatch.setattr(labels, "MAX_FILE_SIZE", 100)
    with pytest.raises(LabelsError, match="101"):
        read_labels(b"x" * 101, MAIN)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=MAX_LABEL))
def test_any_label_comes_back(label: str) -> None:
    record = LabelRecord(LabelType.ADDR, ADDRESS, label)
    text = "".join(write_labels([record]))
    assert text.count("\n") == 1
    assert read_labels(text.encode(), MAIN).records == (record,)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["type", "ref", "label", "origin", "spendable"]), _json),
    st.sampled_from(list(LabelType)) | st.none(),
)
def test_any_line_is_read_or_told(fields: dict[str, object], kind: LabelType | None) -> None:
    if kind:
        fields["type"] = kind.value
    found = read_labels(json.dumps(fields).encode(), MAIN)
    assert len(found.records) + found.problem_count in (1, 2)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = read_labels(data, MAIN)
    except LabelsError:
        return
    assert not found.records
