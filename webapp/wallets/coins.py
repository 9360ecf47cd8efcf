"""A wallet's coins as a list: ordered, labelled, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Connection

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from wallet.keys import Branch
from wallet.labels import LabelType
from webapp.wallets.labels import Key, frozen_coins, labels_for
from webapp.wallets.snapshot import OwnedCoin, Snapshot

Order = Literal["newest", "oldest", "largest", "smallest"]

AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class CoinLine:
    """One coin. `inherited` is the label of its address or of its transaction."""

    coin: OwnedCoin
    address: str
    label: str | None
    inherited: str | None
    is_frozen: bool

    @property
    def outpoint(self) -> str:
        return outpoint_text(self.coin)

    @property
    def is_change(self) -> bool:
        return self.coin.place.branch is Branch.CHANGE


@dataclass(frozen=True, slots=True)
class CoinList:
    """Up to AT_ONCE lines. `frozen`: the sum of all frozen coins."""

    lines: tuple[CoinLine, ...]
    starts_at: int
    has_more: bool
    frozen: int


def list_coins(
    connection: Connection,
    snapshot: Snapshot,
    order: Order,
    *,
    account_id: int | None,
    after: str | None,
) -> CoinList:
    """The coins of an account, or of all, that follow the one named `after` (txid:vout); the first
    ones where there is no such coin any more."""
    coins = [
        coin for coin in snapshot.coins if account_id is None or coin.place.account_id == account_id
    ]
    ordered = _ordered(coins, order)
    names = [outpoint_text(coin) for coin in ordered]
    start = names.index(after) + 1 if after in names else 0
    page = ordered[start : start + AT_ONCE]
    frozen = frozen_coins(connection, snapshot.wallet.id)
    addresses = [address_of(coin.script, snapshot.network) or "" for coin in page]
    keys = [_keys(coin, address) for coin, address in zip(page, addresses, strict=True)]
    labels = labels_for(connection, snapshot.wallet.id, [key for three in keys for key in three])
    return CoinList(
        tuple(
            CoinLine(
                coin,
                address,
                labels.get(own),
                labels.get(of_address) or labels.get(of_transaction),
                coin.outpoint in frozen,
            )
            for coin, address, (own, of_address, of_transaction) in zip(
                page, addresses, keys, strict=True
            )
        ),
        start,
        start + AT_ONCE < len(ordered),
        sum(coin.value for coin in snapshot.coins if coin.outpoint in frozen),
    )


def outpoint_text(coin: OwnedCoin) -> str:
    return f"{hash_hex(coin.txid)}:{coin.vout}"


def _ordered(coins: Sequence[OwnedCoin], order: Order) -> Sequence[OwnedCoin]:
    """`coins` are a snapshot's: oldest first, unconfirmed ones last."""
    match order:
        case "newest":
            return coins[::-1]
        case "oldest":
            return coins
        case "largest":
            return sorted(coins, key=lambda coin: -coin.value)
        case "smallest":
            return sorted(coins, key=lambda coin: coin.value)


def _keys(coin: OwnedCoin, address: str) -> tuple[Key, Key, Key]:
    return (
        (LabelType.OUTPUT, outpoint_text(coin)),
        (LabelType.ADDR, address),
        (LabelType.TX, hash_hex(coin.txid)),
    )
