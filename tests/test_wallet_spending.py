"""Every kind of output our keys can spend, spent on a real chain that Core's engine judges."""

from collections.abc import Iterator

import pytest
from coincurve import PrivateKey

from indexer.chain.encoding import TxOutput, parse_block
from indexer.chain.network import get_network
from indexer.chain.script import push
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from wallet.builder import Coin, build, sign, weight_of
from wallet.fees import InsufficientFundsError, fee_of
from wallet.spending import (
    Spend,
    TaprootSpend,
    Wrapper,
    locked_for,
    locked_until,
    multisig,
    p2pk,
    p2pkh,
    p2sh_p2wpkh,
    p2tr,
    p2wpkh,
)
from wallet.taproot import Leaf, Tree, x_only


def _key(number: int) -> PrivateKey:
    return PrivateKey(number.to_bytes(32, "big"))


def _tree() -> Tree:
    one, other = push(x_only(_key(21))), push(x_only(_key(22)))
    both = one + b"\xac" + other + b"\xba\x52\x9c"
    return Leaf(one + b"\xac"), (Leaf(b"\x55\xb2\x75" + one + b"\xac"), Leaf(both))


_THREE = [_key(number) for number in (5, 6, 7)]
KINDS: dict[str, Spend] = {
    "p2pk": p2pk(_key(1)),
    "p2pk uncompressed": p2pk(_key(2), compressed=False),
    "p2pkh": p2pkh(_key(3)),
    "p2sh-p2wpkh": p2sh_p2wpkh(_key(3)),
    "p2wpkh": p2wpkh(_key(3)),
    "bare multisig": multisig(2, _THREE, Wrapper.BARE),
    "p2sh multisig": multisig(2, _THREE, Wrapper.P2SH, [0, 2]),
    "p2wsh multisig": multisig(2, _THREE, Wrapper.P2WSH, [2, 1]),
    "p2wsh multisig 16 keys": multisig(3, [_key(n) for n in range(1, 17)], Wrapper.P2WSH),
    "p2tr key": p2tr(_key(8)),
    "p2tr key with tree": TaprootSpend(_key(9), _tree()),
    "p2tr odd key": p2tr(_key(10)),
    "p2tr script": TaprootSpend(_key(9), _tree(), 0, (_key(21),)),
    "p2tr waiting script": TaprootSpend(_key(9), _tree(), 1, (_key(21),), sequence=5),
    "p2tr two signers": TaprootSpend(_key(9), _tree(), 2, (_key(21), _key(22))),
    "p2wsh locktime": locked_until(_key(11), 100),
    "p2sh locktime": locked_until(_key(11), 17, Wrapper.P2SH),
    "p2wsh time lock": locked_until(_key(11), 1_500_000_000),
    "p2wsh relative blocks": locked_for(_key(12), 90),
    "p2wsh relative time": locked_for(_key(12), 1 << 22 | 3),
}
REGTEST = get_network("bitcoin-regtest")
_PAYEE = p2tr(_key(99)).script
_HEIGHTS = {name: height for height, name in enumerate(KINDS, start=1)}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedNode]:
    """A chain whose first blocks pay one kind of output each, all of them mature."""
    node = EmbeddedNode(tmp_path_factory.mktemp("spending"))
    start = 1_600_000_000
    for height, spend in enumerate(KINDS.values(), start=1):
        node.mine(spend.script, time=start + height * 600)
    for height in range(len(KINDS) + 1, len(KINDS) + 101):
        node.mine(_PAYEE, time=start + height * 600)
    yield node
    node.close()


def _coin(node: EmbeddedNode, name: str) -> Coin:
    raw = node.block(node.block_hash(_HEIGHTS[name]))
    coinbase = parse_block(raw, node.network).transactions[0]
    return Coin(coinbase.txid, 0, coinbase.outputs[0].value, KINDS[name])


@pytest.mark.parametrize("name", KINDS)
def test_spend_is_accepted_and_of_the_size_foretold(node: EmbeddedNode, name: str) -> None:
    coin = _coin(node, name)
    built = build([coin], [], fee_rate=10_000, change_script=_PAYEE, network=node.network)
    foretold = weight_of([coin], built.tx.outputs)
    assert foretold - 20 <= built.tx.weight <= foretold
    assert built.fee == fee_of(foretold, 10_000) == coin.value - built.tx.outputs[0].value
    assert node.submit(built.tx.serialize()) == built.tx.txid


def test_all_kinds_in_one_transaction_and_block(node: EmbeddedNode) -> None:
    coins = [_coin(node, name) for name in KINDS if name != "p2wsh time lock"]
    built = build(coins, [], fee_rate=20_000, change_script=_PAYEE, network=node.network)
    assert built.tx.locktime == 100
    # In the mempool it replaces all the transactions of the test before.
    node.submit(built.tx.serialize())
    mined = node.mine(_PAYEE, transactions=[built.tx.serialize()])
    assert node.transaction(built.tx.txid, mined.hash) == built.tx.serialize()


def test_a_wrong_signature_is_refused(node: EmbeddedNode) -> None:
    stolen = _coin(node, "p2wsh time lock")
    thief = Coin(stolen.txid, stolen.vout, stolen.value, locked_until(_key(13), 1_500_000_000))
    tx = sign([thief], [TxOutput(stolen.value - 10_000, _PAYEE)])
    with pytest.raises(TransactionRejectedError):
        node.submit(tx.serialize())


@pytest.mark.parametrize(("paid", "fee"), [(90_000, None), (99_700, 300)])
def test_change_is_exact_or_left_out(paid: int, fee: int | None) -> None:
    coin = Coin(bytes(32), 0, 100_000, p2wpkh(_key(3)))
    payments = [TxOutput(paid, _PAYEE)]
    built = build([coin], payments, fee_rate=2_000, change_script=_PAYEE, network=REGTEST)
    assert sum(output.value for output in built.tx.outputs) + built.fee == 100_000
    if fee is None:
        assert built.change == 1
        assert built.fee == fee_of(built.tx.weight, 2_000)
    else:
        assert built.change is None
        assert built.fee == fee


def test_too_few_coins_are_told() -> None:
    coin = Coin(bytes(32), 0, 100_000, p2wpkh(_key(3)))
    for payments in ([TxOutput(99_900, _PAYEE)], [TxOutput(200_000, _PAYEE)]):
        with pytest.raises(InsufficientFundsError) as told:
            build([coin], payments, fee_rate=2_000, change_script=_PAYEE, network=REGTEST)
        assert told.value.available == 100_000
        assert told.value.needed > 100_000
    with pytest.raises(InsufficientFundsError):
        build([coin], [], fee_rate=1_000_000, change_script=_PAYEE, network=REGTEST)
