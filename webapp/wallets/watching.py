"""Live updates of wallets: who may watch one, and how it looks so that changes are noticed."""

from collections.abc import Collection, Hashable
from dataclasses import dataclass

from flask_login import current_user as session_user
from sqlalchemy import Connection, select

from indexer.chain.network import Network
from indexer.database import Database
from indexer.queries.pulse import Pulse
from webapp.accounts.context import accounts
from webapp.accounts.schema import wallet
from webapp.wallets.opening import Keeper, Opener
from webapp.wallets.snapshot import Snapshot
from webapp.wallets.store import Wallet


@dataclass(frozen=True)
class WalletLooks:
    """For the live watcher, which is no request: any wallet of this install's network."""

    network: Network
    database: Database
    keeper: Keeper

    def __call__(
        self, index: Connection, pulse: Pulse, wallet_ids: Collection[int]
    ) -> dict[int, Hashable]:
        """How each wallet looks; those that are gone are left out. Scans on as a page would."""
        with self.database.read() as reading:
            rows = reading.execute(
                select(wallet).where(
                    wallet.c.id.in_(wallet_ids), wallet.c.network == self.network.name
                )
            ).all()
        opener = Opener(index, pulse, self.network, self.database, self.keeper)
        return {row.id: _look(opener.open(Wallet.of(row))) for row in rows}


def _look(snapshot: Snapshot) -> Hashable:
    settled = snapshot.settled.ledger
    return (
        len(settled),
        settled.tx_ids[-1] if len(settled) else None,
        settled.balance,
        frozenset(each.txid for each in snapshot.pending.movements),
        snapshot.addresses_looked_at,
    )


def owns(wallet_ids: Collection[int]) -> bool:
    """Whether all of these are wallets of who is signed in."""
    if not wallet_ids:
        return True
    if not session_user.is_authenticated:
        return False
    with accounts().read() as reading:
        mine = reading.scalars(
            select(wallet.c.id).where(
                wallet.c.user_id == session_user.id, wallet.c.id.in_(wallet_ids)
            )
        ).all()
    return set(wallet_ids) <= set(mine)
