"""The types of Esplora's objects, for the OpenAPI document. webapp.api.json_shapes builds them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from webapp.api.describe import Hash, Hex, WholeNumber

Amount = Annotated[int, Field(ge=0, description="in the smallest unit")]
FeeRate = Annotated[float, Field(ge=0, description="smallest unit per virtual byte")]
FeeBar = Annotated[
    list[float], Field(min_length=2, max_length=2, description="a fee rate, and virtual bytes")
]
Time = Annotated[int, Field(description="seconds since 1970, UTC")]


class StatusShape(TypedDict):
    """Whether a transaction is confirmed, and where."""

    confirmed: bool
    block_height: NotRequired[WholeNumber]
    block_hash: NotRequired[Hash]
    block_time: NotRequired[Time]


class OutputShape(TypedDict):
    scriptpubkey: Hex
    scriptpubkey_asm: str
    scriptpubkey_type: str
    scriptpubkey_address: NotRequired[str]
    value: Amount


class InputShape(TypedDict):
    txid: Hash
    vout: WholeNumber
    prevout: OutputShape | None
    scriptsig: Hex
    scriptsig_asm: str
    witness: NotRequired[list[Hex]]
    is_coinbase: bool
    sequence: WholeNumber
    inner_redeemscript_asm: NotRequired[str]
    inner_witnessscript_asm: NotRequired[str]


class TransactionShape(TypedDict):
    txid: Hash
    version: int
    locktime: WholeNumber
    vin: list[InputShape]
    vout: list[OutputShape]
    size: WholeNumber
    weight: WholeNumber
    fee: Amount
    status: StatusShape


class BlockShape(TypedDict):
    id: Hash
    height: WholeNumber
    version: WholeNumber
    timestamp: Time
    tx_count: WholeNumber
    size: WholeNumber
    weight: WholeNumber
    merkle_root: Hash
    previousblockhash: Hash | None
    mediantime: Time
    nonce: WholeNumber
    bits: WholeNumber
    difficulty: float


class BlockStatusShape(TypedDict):
    in_best_chain: bool
    height: WholeNumber | None
    next_best: Hash | None


class SpendShape(TypedDict):
    spent: bool
    txid: NotRequired[Hash]
    vin: NotRequired[WholeNumber]
    status: NotRequired[StatusShape]


class MerkleProofShape(TypedDict):
    block_height: WholeNumber
    merkle: list[Hash]
    pos: WholeNumber


class TotalsShape(TypedDict):
    funded_txo_count: WholeNumber
    funded_txo_sum: Amount
    spent_txo_count: WholeNumber
    spent_txo_sum: Amount
    tx_count: WholeNumber


class AddressShape(TypedDict):
    address: str
    chain_stats: TotalsShape
    mempool_stats: TotalsShape


class ScriptHashShape(TypedDict):
    scripthash: Hash
    chain_stats: TotalsShape
    mempool_stats: TotalsShape


class CoinShape(TypedDict):
    """An unspent output."""

    txid: Hash
    vout: WholeNumber
    status: StatusShape
    value: Amount


class MempoolShape(TypedDict):
    count: WholeNumber
    vsize: WholeNumber
    total_fee: Amount
    fee_histogram: list[FeeBar]


class RecentShape(TypedDict):
    txid: Hash
    fee: Amount
    vsize: WholeNumber
    value: Amount


PackageFeesShape = TypedDict(
    "PackageFeesShape",
    {
        "base": float,
        "effective-feerate": NotRequired[float],
        "effective-includes": NotRequired[list[Hash]],
    },
)

PackageMemberShape = TypedDict(
    "PackageMemberShape",
    {
        "txid": Hash,
        "other-wtxid": NotRequired[Hash],
        "vsize": NotRequired[WholeNumber],
        "fees": NotRequired[PackageFeesShape],
        "error": NotRequired[str],
    },
)

PackageShape = TypedDict(
    "PackageShape",
    {
        "package_msg": str,
        "tx-results": dict[str, PackageMemberShape],
        "replaced-transactions": list[Hash],
    },
)
