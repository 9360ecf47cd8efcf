"""Rules that we compute ourselves, against the engine's own judgement."""

from random import Random

import pbk
import pytest

from indexer.chain import script as scripts
from indexer.chain.encoding import Block, Transaction, TxInput, TxOutput, parse_block
from indexer.chain.network import COIN
from indexer.node.base import SpentOutput, TransactionRejectedError
from indexer.node.engine import BlockRejectedError
from indexer.node.mining import build_block
from indexer.node.regtest_policy import check_consensus, sigop_cost
from tests.fixtures_embedded import Miner
from tests.test_embedded_mempool import SPENDS, paying
from wallet.builder import Coin, sign

MAX_BLOCK_SIGOP_COST = 80_000
CHECKSIG = b"\xac"


def engine_accepts(transaction: Transaction) -> bool:
    """The engine's context-free checks, on a block of nothing else."""
    block = build_block(
        bytes(32), 1, 0, [transaction], value=0, script=b"\x51", text=b"", extra_nonce=0
    )
    state = pbk.Block(block.serialize()).check(
        pbk.ChainParameters(pbk.ChainType.REGTEST).consensus_params, pbk.BlockCheckFlags.BASE
    )
    return bool(state.validation_mode == pbk.ValidationMode.VALID)


def we_accept(transaction: Transaction) -> bool:
    try:
        check_consensus(transaction)
    except TransactionRejectedError:
        return False
    return True


def test_context_free_rules_are_the_engines() -> None:
    random = Random(5)
    values = [
        0,
        1,
        COIN,
        21_000_000 * COIN,
        21_000_000 * COIN + 1,
        -1,
        2**63 - 1,
        10_500_000 * COIN,
    ]
    verdicts = []
    for _ in range(1500):
        spent = [(random.choice([b"\x01", b"\x02"]) * 32, random.randrange(2)) for _ in range(2)]
        if random.random() < 0.1:
            spent[0] = (bytes(32), 0xFFFFFFFF)
        inputs = [TxInput(*each, bytes(random.choice([0, 2, 100])), 0) for each in spent]
        outputs = [
            TxOutput(random.choice(values[:3] + values), b"\x51")
            for _ in range(random.choice([0, 1, 1, 2]))
        ]
        count = random.choice([1, 2, 2])
        transaction = Transaction(random.choice([0, 1, 2]), inputs[:count], outputs)
        assert we_accept(transaction) == engine_accepts(transaction)
        verdicts.append(we_accept(transaction))
    assert 300 < sum(verdicts) < 1200


@pytest.mark.parametrize("kind", SPENDS)
def test_signature_checks_are_counted_as_the_engine_counts(miner: Miner, kind: str) -> None:
    spend = SPENDS[kind]()
    spare = miner.coins.pop(0)
    paid = paying(miner, TxOutput(COIN, spend.script))
    miner.node.submit(paid.serialize())
    miner.mine()
    spent = sign([Coin(paid.txid, 0, COIN, spend)], [TxOutput(COIN, scripts.p2a())])

    def filler(count: int) -> Transaction:
        return sign([spare], [TxOutput(0, CHECKSIG)] * count)

    cost = sigop_cost(spent, [SpentOutput(COIN, spend.script)])
    cost += sigop_cost(filler(0), [SpentOutput(spare.value, spare.spend.script)])
    most = (MAX_BLOCK_SIGOP_COST - cost) // 4
    over = [spent.serialize(), filler(most + 1).serialize()]
    with pytest.raises(BlockRejectedError, match="bad-blk-sigops"):
        miner.node.mine(b"\x51", transactions=over)
    tip = miner.node.mine(b"\x51", transactions=[spent.serialize(), filler(most).serialize()])
    block: Block = parse_block(miner.node.block(tip.hash), miner.node.network)
    assert len(block.transactions) == 3
