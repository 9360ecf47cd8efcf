"""The search box: what each form finds, and what is said where nothing is found."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, hash_hex
from indexer.chain.network import get_network
from indexer.chain.script import p2pkh, p2sh, p2tr, p2wpkh
from indexer.keys import script_hash
from indexer.queries.search import Kind, Reason, Scope, SearchResult, search
from indexer.queries.transactions import Status
from tests.apps import app_for
from tests.fixtures_scripted_index import ScriptedIndex
from tests.fixtures_site import Site
from tests.scripted_node import START_TIME, script_of, spend
from webapp.config import EMBEDDED, Settings

KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
KEY_HASH = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
ALPHABET = "0123456789abcdefABCDEFxX×:#?&= /-,.bitcornlg"


def ask(index: ScriptedIndex, text: str, *, suggesting: bool = False) -> SearchResult:
    with index.database.read() as connection:
        scope = Scope(
            connection, index.node.network, index.pulse(connection), index.raw, suggesting
        )
        return search(scope, text)


def reason(index: ScriptedIndex, text: str) -> Reason | None:
    problem = ask(index, text).problem
    return problem.reason if problem else None


@pytest.fixture
def paid(scripted_index: ScriptedIndex) -> Transaction:
    """A confirmed payment of two outputs, as transaction 1 of the tip."""
    coinbase = scripted_index.mine()
    value = coinbase.outputs[0].value - 1_000
    transaction = spend(
        [(coinbase, 0)], [(value // 2, script_of("alice")), (value // 2, script_of("bob"))]
    )
    scripted_index.mine(transaction)
    return transaction


@pytest.mark.parametrize("text", ["3", "#3", " 3 ", "0003"])
def test_a_height(scripted_index: ScriptedIndex, text: str) -> None:
    (found,) = ask(scripted_index, text).findings
    assert (found.kind, found.height) == (Kind.BLOCK, 3)
    assert found.block_hash == scripted_index.node.chain[3].hash


def test_a_height_above_the_tip_names_the_tip(scripted_index: ScriptedIndex) -> None:
    for text in ("1,000", "999999999", "123456789012345"):
        problem = ask(scripted_index, text).problem
        assert problem is not None
        assert (problem.reason, problem.tip) == (Reason.HEIGHT_ABOVE_TIP, 6)


def test_hashes(scripted_index: ScriptedIndex, paid: Transaction) -> None:
    tip = scripted_index.node.chain[-1]
    (block,) = ask(scripted_index, hash_hex(tip.hash).upper()).findings
    assert (block.kind, block.height) == (Kind.BLOCK, len(scripted_index.node.chain) - 1)
    (transaction,) = ask(scripted_index, hash_hex(paid.txid)).findings
    assert (transaction.kind, transaction.txid) == (Kind.TRANSACTION, paid.txid)
    assert transaction.status is Status.CONFIRMED
    alice = script_of("alice")
    for name in (hash_hex(script_hash(alice)), script_hash(alice).hex()):
        (script,) = ask(scripted_index, name).findings
        assert (script.kind, script.script_hash) == (Kind.ADDRESS, script_hash(alice))


def test_a_stale_block_and_what_waits_again(
    scripted_index: ScriptedIndex, paid: Transaction
) -> None:
    (gone,) = scripted_index.node.disconnect()
    scripted_index.node.mine()
    scripted_index.node.mine()
    scripted_index.sync()
    (stale,) = ask(scripted_index, hash_hex(gone.hash)).findings
    assert stale.kind is Kind.STALE_BLOCK
    (coinbase,) = ask(scripted_index, hash_hex(gone.transactions[0].txid)).findings
    assert (coinbase.kind, coinbase.status) == (Kind.TRANSACTION, Status.STALE)


def test_outputs(scripted_index: ScriptedIndex, paid: Transaction) -> None:
    height = len(scripted_index.node.chain) - 1
    for text in (f"{hash_hex(paid.txid)}:1", f"{height}x1x1", f"{height} × 1 × 1", f"{height}X1X1"):
        (found,) = ask(scripted_index, text).findings
        assert (found.kind, found.txid, found.vout) == (Kind.OUTPUT, paid.txid, 1)
    assert reason(scripted_index, f"{hash_hex(paid.txid)}:2") is Reason.NO_SUCH_OUTPUT
    assert reason(scripted_index, f"{height}x2x0") is Reason.NO_SUCH_POSITION
    assert reason(scripted_index, f"{height}x1x9") is Reason.NO_SUCH_OUTPUT
    assert reason(scripted_index, f"{height + 1}x0x0") is Reason.HEIGHT_ABOVE_TIP
    assert reason(scripted_index, f"{'ab' * 32}:0") is Reason.HASH_NOT_FOUND


def test_days(scripted_index: ScriptedIndex) -> None:
    day = datetime.fromtimestamp(START_TIME, UTC).date()
    (found,) = ask(scripted_index, str(day)).findings
    assert (found.kind, found.day) == (Kind.DATE, day)
    assert reason(scripted_index, "2009-01-02") is Reason.DATE_OUTSIDE
    assert reason(scripted_index, "2990-01-01") is Reason.DATE_OUTSIDE
    assert reason(scripted_index, "2024-02-30") is Reason.BAD_DATE


def test_addresses_and_payment_links(scripted_index: ScriptedIndex, paid: Transaction) -> None:
    address = address_of(script_of("alice"), scripted_index.node.network) or ""
    for text in (
        address,
        address.upper(),
        f"bitcoin:{address}",
        f"BITCOIN:{address.upper()}?amount=0.1&label=a%20b",
        f"bitcoin://{address}",
    ):
        (found,) = ask(scripted_index, text).findings
        assert (found.kind, found.address, found.used) == (Kind.ADDRESS, address, True)
    unused = address_of(script_of("nobody"), scripted_index.node.network) or ""
    (found,) = ask(scripted_index, unused).findings
    assert not found.used


def test_a_mistyped_address_says_so_and_names_the_one_that_exists(
    scripted_index: ScriptedIndex, paid: Transaction
) -> None:
    scripted_index.mine(miner="pay to hash")
    for script in (script_of("alice"), p2pkh(KEY_HASH)):
        coinbase = scripted_index.mine()
        scripted_index.mine(spend([(coinbase, 0)], [(1_000, script)]))
        right = address_of(script, scripted_index.node.network) or ""
        for wrong in (
            right[:-3] + ("q" if right[-3] != "q" else "p") + right[-2:],
            right[:9] + right[10:],
            right[:12] + right[13] + right[12] + right[14:],
        ):
            result = ask(scripted_index, wrong)
            assert result.problem is not None
            assert result.problem.reason is Reason.BAD_ADDRESS
            assert [each.address for each in result.nearest] == [right]
            assert ask(scripted_index, wrong, suggesting=True).nearest == ()


def test_a_mistyped_hash_names_the_one_that_exists(
    scripted_index: ScriptedIndex, paid: Transaction
) -> None:
    right = hash_hex(paid.txid)
    other = "0" if right[20] != "0" else "1"
    for wrong in (
        right[:20] + other + right[21:],
        right[:20] + right[21:],
        right[:20] + "7" + right[20:],
    ):
        result = ask(scripted_index, wrong)
        assert result.problem is not None
        assert [each.txid for each in result.nearest] == [paid.txid]
    block = hash_hex(scripted_index.node.chain[2].hash)
    (near,) = ask(scripted_index, block[1:]).nearest
    assert (near.kind, near.height) == (Kind.BLOCK, 2)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "Bitcoin"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "Bitcoin"),
        ("LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1", "Litecoin"),
    ],
)
def test_another_networks_address_is_named(
    scripted_index: ScriptedIndex, text: str, network: str
) -> None:
    problem = ask(scripted_index, text).problem
    assert problem is not None
    assert problem.reason is Reason.OTHER_NETWORK
    assert network in problem.networks


def test_another_coins_link_is_named(scripted_index: ScriptedIndex) -> None:
    problem = ask(scripted_index, "litecoin:LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1?amount=1").problem
    assert problem is not None
    assert problem.reason is Reason.OTHER_COIN
    assert problem.networks[0] == "Litecoin"


def test_a_public_key_lists_what_it_may_be_paid_by(scripted_index: ScriptedIndex) -> None:
    coinbase = scripted_index.mine()
    scripted_index.mine(spend([(coinbase, 0)], [(1_000, p2wpkh(KEY_HASH))]))
    found = ask(scripted_index, KEY.hex()).findings
    network = get_network("bitcoin-regtest")
    assert found[0].address == address_of(p2wpkh(KEY_HASH), network)
    assert [each.used for each in found] == [True, False, False, False, False]
    addresses = {each.address for each in found}
    assert address_of(p2pkh(KEY_HASH), network) in addresses
    assert address_of(p2tr(KEY[1:]), network) in addresses
    wrapped = bytes.fromhex("bcfeb728b584253d5f3f70bcb780e9ef218a68f4")
    assert address_of(p2sh(wrapped), network) in addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Reason.EMPTY),
        ("   ", Reason.EMPTY),
        ("x" * 501, Reason.TOO_LONG),
        ("hello world", Reason.UNKNOWN),
        ("<script>", Reason.UNKNOWN),
        ("ab" * 32, Reason.HASH_NOT_FOUND),
        ("ab" * 30, Reason.HEX_LENGTH),
        ("bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", Reason.BAD_ADDRESS),
        ("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", Reason.PRIVATE_KEY),
        ("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617", Reason.PRIVATE_KEY),
        (f"xprv9s21Z{'r' * 103}", Reason.PRIVATE_KEY),
        (f"xpub661My{'r' * 103}", Reason.EXTENDED_KEY),
    ],
)
def test_what_finds_nothing_says_why(
    scripted_index: ScriptedIndex, text: str, expected: Reason
) -> None:
    result = ask(scripted_index, text)
    assert result.findings == ()
    assert result.problem is not None
    assert result.problem.reason is expected


@pytest.fixture(scope="module")
def client(demo_site: Site) -> FlaskClient:
    """Of a server that does not count requests."""
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, rate_limit=100_000)
    return app_for(settings, demo_site.database).test_client()


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=80), st.text(alphabet=ALPHABET, max_size=140)))
def test_any_text_is_answered(client: FlaskClient, text: str) -> None:
    for path in ("/search", "/search/suggest"):
        response = client.get(path, query_string={"q": text})
        assert response.status_code in {200, 302, 404}, response.get_data(as_text=True)


def test_a_unique_finding_is_gone_to(client: FlaskClient, demo_site: Site) -> None:
    tip = demo_site.node.tip()
    for text in (str(tip.height), hash_hex(tip.hash)):
        response = client.get("/search", query_string={"q": text})
        assert response.status_code == 302
        assert response.headers["Location"].endswith(f"/block/{hash_hex(tip.hash)}")
    response = client.get("/search", query_string={"q": f"{tip.height}x0x0"})
    assert response.headers["Location"].endswith("#out-0")
    assert client.get(response.headers["Location"]).status_code == 200


def test_suggestions_are_options_of_a_list(client: FlaskClient, demo_site: Site) -> None:
    tip = demo_site.node.tip()
    response = client.get("/search/suggest", query_string={"q": str(tip.height)})
    html = response.get_data(as_text=True)
    assert 'role="option"' in html
    assert f"/block/{hash_hex(tip.hash)}" in html
    assert "<html" not in html
    assert response.headers["Cache-Control"] == "no-store"
    assert client.get("/search/suggest", query_string={"q": ""}).get_data(as_text=True) == ""


def test_hostile_text_is_shown_inert(client: FlaskClient) -> None:
    hostile = "<b hx-get=/evil>\u202egnp"
    html = client.get("/search", query_string={"q": hostile}).get_data(as_text=True)
    assert "<b hx-get" not in html
    assert "U+202E" in html


def test_a_private_key_is_not_repeated(client: FlaskClient) -> None:
    key = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
    html = client.get("/search", query_string={"q": key}).get_data(as_text=True)
    assert "looks like a private key" in html
    assert key not in re.sub(r"<header.*?</header>", "", html, flags=re.DOTALL)


def test_nothing_found_offers_all_forms(client: FlaskClient) -> None:
    response = client.get("/search", query_string={"q": "no such thing"})
    assert response.status_code == 404
    words = unescape(response.get_data(as_text=True))
    assert "height×position×number" in words
    assert client.get("/search").status_code == 200
