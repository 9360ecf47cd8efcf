"""The browser's signer and the Python one agree: addresses, descriptors, signatures, messages."""

import json
import random
import unicodedata
from base64 import b64encode
from typing import Any

import pytest
from bip_utils import WifDecoder
from coincurve import PrivateKey
from mnemonic import Mnemonic

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.network import NETWORKS, Network, get_network
from tests.chain_files import VECTORS
from tests.worker_bridge import answers, values
from wallet.builder import REPLACEABLE
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose, purposes_of
from wallet.message import Verdict, sign_message, verify_message
from wallet.psbt import Psbt, parse_psbt
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from wallet.psbt_finish import extract, finalise
from wallet.seed import LANGUAGES, seed_of_words, words_of_entropy

WITHOUT_LIST = {"russian", "turkish"}  # in the browser
WINNER = "legal winner thank year wave sausage worth useful legal winner thank yellow"
SEEDS = 12
COIN = 10_000_000_000


def test_the_networks_are_the_servers() -> None:
    (networks,) = values(("networks", {}))
    assert [network["name"] for network in networks] == list(NETWORKS)
    for found, network in zip(networks, NETWORKS.values(), strict=True):
        assert bytes([found["p2pkh"]]) == network.p2pkh_prefix, network.name
        assert tuple(bytes([prefix]) for prefix in found["p2sh"]) == network.p2sh_prefixes
        assert found["hrp"] == network.bech32_hrp
        assert found["coinType"] == network.coin_type
        assert found["xpub"].to_bytes(4) == network.xpub_version
        assert found["xprv"].to_bytes(4) == network.xprv_version
        assert found["purposes"] == [purpose.value for purpose in purposes_of(network)]
        assert found["messageCoin"] == network.coin.capitalize()


@pytest.mark.parametrize("language", sorted(set(LANGUAGES) - WITHOUT_LIST))
def test_word_lists_are_the_same(language: str) -> None:
    (words,) = values(("words", {"language": language}))
    ours = [unicodedata.normalize("NFKD", word) for word in Mnemonic(language).wordlist]
    assert words == ours


def account_of(words: str, passphrase: str, network: Network, purpose: Purpose, index: int) -> Any:
    master = KeyNode.master(seed_of_words(words, passphrase), network)
    account = Account(master, network, purpose, index)
    path = account.path.replace("'", "h")
    descriptor = Descriptor.of_account(
        purpose, account.node.xpub, master.fingerprint, path, network
    )
    return master, account, descriptor


@pytest.mark.parametrize("seed", range(SEEDS))
def test_accounts_and_addresses_are_the_same(seed: int) -> None:
    rng = random.Random(seed)
    language = rng.choice(sorted(set(LANGUAGES) - WITHOUT_LIST))
    words = words_of_entropy(rng.randbytes(rng.choice((16, 20, 24, 28, 32))), language)
    passphrase = rng.choice(("", "TREZOR", "пароль £ ㍍ガバヴァ"))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("restore", {"words": words.upper(), "passphrase": passphrase, "language": language})
    ]
    expected: list[dict[str, Any]] = []
    for network in NETWORKS.values():
        for purpose in purposes_of(network):
            account, branch = rng.randrange(1000), rng.choice(list(Branch))
            index = rng.choice((0, 1, 19, rng.randrange(2**31 - 1)))
            name = {"network": network.name, "purpose": purpose.value, "account": account}
            _, _, descriptor = account_of(words, passphrase, network, purpose, account)
            address = address_of(descriptor.derive(branch, index).script, network)
            place = {"branch": branch.value, "index": index, "address": address}
            calls += [("accountKey", name), ("confirmAddress", {**name, **place})]
            expected += [{"descriptor": descriptor.text}, {"ok": True, "address": address}]
    restored, *found = values(*calls)
    assert restored["language"] == language
    for call, want, got in zip(calls[1:], expected, found, strict=True):
        assert got == got | want, call


def test_official_mnemonics_give_their_seeds() -> None:
    for _, words, _, xprv in json.loads((VECTORS / "bip39_vectors.json").read_text())["english"]:
        network = get_network("bitcoin-main")
        master = KeyNode.master(seed_of_words(words, "TREZOR"), network)
        assert master.xprv == xprv
        name = {"network": network.name, "purpose": 84, "account": 0}
        restore = ("restore", {"words": words, "passphrase": "TREZOR"})
        restored, key = values(restore, ("accountKey", name))
        assert restored["fingerprint"] == master.fingerprint.hex()
        assert key["xpub"] == Account(master, network, Purpose.P2WPKH).node.xpub


def coins_and_psbt(
    descriptor: Descriptor, rng: random.Random, inputs: int
) -> tuple[Psbt, dict[str, Any]]:
    """A payment to a stranger with change, and what was asked for."""
    network = descriptor.network
    coins = []
    for index in range(inputs):
        output = descriptor.derive(rng.choice(list(Branch)), index)
        before = [TxInput(rng.randbytes(32), rng.randrange(9), b"", 0)]
        outputs = [TxOutput(5, b"\x51"), TxOutput(COIN, output.script)]
        coins.append(OwnCoin(Transaction(2, before, outputs, 0), 1, output))
    stranger = descriptor.scripts(Branch.RECEIVE, 9999, 1)[0]
    amount = COIN * inputs // 2
    fee = network.dust_relay_rate * inputs
    change = TxOutput(COIN * inputs - amount - fee, descriptor.scripts(Branch.CHANGE, 3, 1)[0])
    paid = [Paid(TxOutput(amount, stranger)), Paid(change, descriptor.derive(Branch.CHANGE, 3))]
    psbt = build_psbt(network, coins, paid, rng, locktime=321)
    purpose = descriptor.purpose
    assert purpose is not None
    intent = {
        "recipients": [{"address": address_of(stranger, network), "amount": f"{amount}n"}],
        "accounts": [
            {"purpose": purpose.value, "account": 0, "lastUsed": {"receive": 40, "change": -1}}
        ],
        "gapLimit": 20,
        "locktime": 321,
        "sequence": REPLACEABLE,
    }
    return psbt, {"network": network.name, "psbt": psbt.base64, "intent": intent}


def signed_by_the_browser(words: str, request: dict[str, Any]) -> tuple[dict[str, Any], str]:
    restore = ("restore", {"words": words, "passphrase": ""})
    token = {"token": "latest"}
    _, checked, signed = values(restore, ("check", request), ("sign", token))
    return checked, signed["psbt"]


@pytest.mark.parametrize("name", NETWORKS)
def test_signatures_verify_and_sizes_are_as_said(name: str) -> None:
    network = get_network(name)
    rng = random.Random(name)
    words = words_of_entropy(rng.randbytes(16))
    for purpose in purposes_of(network):
        _, account, descriptor = account_of(words, "", network, purpose, 0)
        psbt, request = coins_and_psbt(descriptor, rng, inputs=rng.choice((1, 2, 5)))
        checked, signed = signed_by_the_browser(words, request)
        final = extract(finalise(parse_psbt(signed, network)))  # checks every signature
        assert final.txid == psbt.tx.txid or purpose in (Purpose.P2PKH, Purpose.P2SH_P2WPKH)
        assert checked["fee"] == f"{psbt.fee}n"
        assert 0 <= checked["vsize"] - final.vsize <= 1, (purpose, checked["vsize"], final.vsize)
        assert account.purpose is purpose


def test_messages_are_signed_as_python_signs_them() -> None:
    rng = random.Random(7)
    words = words_of_entropy(rng.randbytes(32))
    for network in NETWORKS.values():
        for purpose in purposes_of(network):
            _, account, descriptor = account_of(words, "", network, purpose, 0)
            message = rng.choice(("", "Hello World", "öäü 测试 😄", "x" * 300))
            address = address_of(descriptor.scripts(Branch.RECEIVE, 4, 1)[0], network)
            assert address is not None
            name = {"network": network.name, "purpose": purpose.value, "account": 0}
            place = {"branch": 0, "index": 4, "address": address, "message": message}
            restore = ("restore", {"words": words, "passphrase": ""})
            _, answer = values(restore, ("signMessage", {**name, **place}))
            signature = answer["signature"]
            verified = verify_message(address, message, signature, network)
            assert verified.verdict is Verdict.VALID, (network.name, purpose)
            key = account.key(Branch.RECEIVE, 4)
            if purpose is not Purpose.P2TR:  # BIP340 mixes fresh randomness in
                assert signature == sign_message(key, purpose, message, network)


def test_messages_of_bip322() -> None:
    basic = json.loads((VECTORS / "bip-0322_basic-test-vectors.json").read_text())["simple"]
    more = json.loads((VECTORS / "bip-0322_generated-test-vectors.json").read_text())["simple"]
    purposes = {"p2wpkh": 84, "p2tr": 86}
    network = get_network("bitcoin-main")
    signed = [vector for vector in basic + more if vector["type"] in purposes]
    assert len(signed) >= 5
    for vector in signed:
        (wif,) = vector["private_keys"]
        ask = {"key": secret_of(wif), "purpose": purposes[vector["type"]]}
        (signature,) = values(("signWithKey", {**ask, "message": vector["message"]}))
        text = str(signature)
        verified = verify_message(vector["address"], vector["message"], text, network)
        assert verified.verdict is Verdict.VALID, vector
    first = basic[0]
    ask = {"key": secret_of(first["private_keys"][0]), "purpose": 84, "message": ""}
    (signature,) = values(("signWithKey", ask))
    assert f"smp{signature}" in first["bip322_signatures"]


def secret_of(wif: str) -> str:
    secret, _ = WifDecoder.Decode(wif)
    return PrivateKey(secret).to_hex()


def test_what_is_not_ours_is_not_confirmed_nor_signed_for() -> None:
    words = words_of_entropy(bytes(16))
    restore = ("restore", {"words": words, "passphrase": ""})
    name = {"network": "bitcoin-regtest", "purpose": 84, "account": 0}
    place = {"branch": 0, "index": 0, "address": "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"}
    results = answers(
        restore,
        ("confirmAddress", {**name, **place}),
        ("signMessage", {**name, **place, "message": "x"}),
        ("confirmAddress", {**name, **place, "address": "bc1qnothing"}),
        ("accountKey", {**name, "network": "dogecoin-main"}),
        ("accountKey", {**name, "network": "bitcoin-moon"}),
        ("accountKey", {**name, "account": 1000}),
        ("accountKey", {**name, "path": "84h/1h/77h"}),
        ("accountKey", {**name, "path": "84h/x"}),
        ("accountKey", {**name, "path": "84'/1'/0'"}),
        ("sign", {"token": "00"}),
        ("accountKey", {**name, "purpose": 48}),
    )
    assert results[1]["value"]["ok"] is False
    codes = [result["refusal"]["code"] for result in results if "refusal" in result]
    assert codes == [
        "address_not_ours", "address_wrong", "purpose_unavailable", "network_unknown",
        "account_range", "path_unknown", "path_wrong", "token_unknown", "malformed_request",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "refusal"),
    [
        ({"words": "legal winner"}, {"code": "word_count", "parameters": {"found": 2}}),
        ({"words": ""}, {"code": "word_count", "parameters": {"found": 0}}),
        (
            {"words": WINNER.replace("year", "yaer")},
            {"code": "word_unknown", "parameters": {"position": 4, "word": "yaer"}},
        ),
        (
            {"words": WINNER.replace("yellow", "zoo")},
            {"code": "words_checksum", "parameters": {}},
        ),
        (
            {"words": "的 " * 11 + "性", "language": "english"},
            {"code": "word_unknown", "parameters": {"position": 1, "word": "的"}},
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_words_is_said(ask: dict[str, Any], refusal: dict[str, Any]) -> None:
    (answer,) = answers(("restore", {"passphrase": "", **ask}))
    assert answer == {"refusal": refusal}


def test_words_that_two_lists_share_need_their_language() -> None:
    shared = shared_words()
    (answer, simplified) = answers(
        ("restore", {"words": shared, "passphrase": ""}),
        ("restore", {"words": shared, "passphrase": "", "language": "chinese_simplified"}),
    )
    assert answer["refusal"] == {
        "code": "language_ambiguous",
        "parameters": {"languages": "chinese_simplified chinese_traditional"},
    }
    assert simplified["value"]["language"] == "chinese_simplified"


def shared_words() -> str:
    """Twelve words that are a mnemonic in both Chinese lists."""
    simplified, traditional = Mnemonic("chinese_simplified"), Mnemonic("chinese_traditional")
    common = sorted(set(simplified.wordlist) & set(traditional.wordlist))
    rng = random.Random(1)
    while True:
        words = " ".join(rng.choices(common, k=12))
        if simplified.check(words) and traditional.check(words):
            return words


def test_words_complete_themselves_in_any_spelling() -> None:
    found = values(
        ("complete", {"prefix": "Aban", "language": "english", "limit": 5}),
        ("complete", {"prefix": "zz", "language": "english", "limit": 5}),
        ("complete", {"prefix": "abe", "language": "french", "limit": 50}),
        ("complete", {"prefix": "a", "language": "english", "limit": 3}),
    )
    assert found[0] == {"words": ["abandon"]}
    assert found[1] == {"words": []}
    assert found[2]["words"] == ["abeille"]
    assert len(found[3]["words"]) == 3


def test_base64_of_a_psbt_may_not_be_anything_else() -> None:
    restore = ("restore", {"words": words_of_entropy(bytes(16)), "passphrase": ""})
    intent = {
        "recipients": [], "accounts": [], "gapLimit": 20, "locktime": 0, "sequence": REPLACEABLE,
    }  # fmt: skip
    ask = {"network": "bitcoin-regtest", "intent": intent}
    texts = ["", "%%%", b64encode(b"psbt").decode(), b64encode(b"psbt\xff" + b"\xff" * 9).decode()]
    _, *refused = answers(restore, *(("check", {**ask, "psbt": text}) for text in texts))
    assert {result["refusal"]["code"] for result in refused} == {"psbt_malformed"}
