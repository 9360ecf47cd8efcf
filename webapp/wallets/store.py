"""Wallets and accounts as the account database keeps them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from indexer.chain.network import Network
from indexer.keys import script_key
from wallet.descriptor import Descriptor
from wallet.keys import Branch, Purpose
from webapp.accounts.schema import account, account_script, user, wallet

Kind = Literal["vault", "watch"]

DEFAULT_GAP_LIMIT = 20
MOST_GAP_LIMIT = 1000
MOST_WALLETS = 50  # of one user and network
MOST_ACCOUNTS = 50  # of one wallet
LONGEST_NAME = 80  # characters


@dataclass(frozen=True, slots=True)
class Wallet:
    """A wallet of one user. `fingerprint` is of the master key: 8 hexadecimal digits."""

    id: int
    user_id: int
    network: str
    name: str
    kind: Kind
    fingerprint: str | None
    birthday_height: int
    gap_limit: int
    created_at: int

    @classmethod
    def of(cls, row: Row[Any]) -> "Wallet":
        """From a row of schema.wallet, such as accounts.context.owned_wallet() gives."""
        return cls(*(getattr(row, name) for name in cls.__dataclass_fields__))


@dataclass(frozen=True)
class Account:
    """An account of a wallet. `next_receive` is the position offered to receive at, unless a later
    one was used."""

    id: int
    wallet_id: int
    name: str
    purpose: Purpose | None
    account_index: int | None
    descriptor: str
    next_receive: int
    network: Network

    @cached_property
    def parsed(self) -> Descriptor:
        return Descriptor.parse(self.descriptor, self.network)


@dataclass(frozen=True, slots=True)
class NewAccount:
    purpose: Purpose | None
    account_index: int | None
    descriptor: Descriptor
    name: str = ""


@dataclass(frozen=True, slots=True)
class NewWallet:
    name: str
    kind: Kind
    fingerprint: str | None
    birthday_height: int
    accounts: tuple[NewAccount, ...]


class StoreError(Exception):
    """The wallet or account cannot be kept. `field` is of the request: "name", "accounts" ..."""

    def __init__(self, field: str, code: Literal["too_many", "duplicate"]) -> None:
        super().__init__(f"{field}: {code}")
        self.field = field
        self.code = code


def wallets_of(connection: Connection, user_id: int, network: Network) -> tuple[Wallet, ...]:
    """The user's wallets of one network, oldest first."""
    rows = connection.execute(
        select(wallet)
        .where(wallet.c.user_id == user_id, wallet.c.network == network.name)
        .order_by(wallet.c.id)
    )
    return tuple(map(Wallet.of, rows))


def accounts_of(connection: Connection, wallet_id: int, network: Network) -> tuple[Account, ...]:
    """The accounts of a wallet, oldest first."""
    rows = connection.execute(
        select(account).where(account.c.wallet_id == wallet_id).order_by(account.c.id)
    )
    return tuple(
        Account(
            id=row.id,
            wallet_id=row.wallet_id,
            name=row.name,
            purpose=None if row.purpose is None else Purpose(row.purpose),
            account_index=row.account_index,
            descriptor=row.descriptor,
            next_receive=row.next_receive,
            network=network,
        )
        for row in rows
    )


def create_wallet(connection: Connection, user_id: int, network: Network, new: NewWallet) -> int:
    """Keep a wallet with its accounts; its id. Raises StoreError: too many, or no new account."""
    lock_row(connection, user, user_id)
    count = connection.scalar(
        select(func.count())
        .select_from(wallet)
        .where(wallet.c.user_id == user_id, wallet.c.network == network.name)
    )
    if cast(int, count) >= MOST_WALLETS:
        raise StoreError("name", "too_many")
    if _is_kept(connection, user_id, network, new.accounts):
        raise StoreError("accounts", "duplicate")
    wallet_id: int = connection.execute(
        insert(wallet)
        .values(
            user_id=user_id,
            network=network.name,
            name=new.name,
            kind=new.kind,
            fingerprint=new.fingerprint,
            birthday_height=new.birthday_height,
            gap_limit=DEFAULT_GAP_LIMIT,
            created_at=int(time.time()),
        )
        .returning(wallet.c.id)
    ).scalar_one()
    for each in new.accounts:
        add_account(connection, wallet_id, each)
    return wallet_id


def add_account(connection: Connection, wallet_id: int, new: NewAccount) -> int:
    """Keep another account of a wallet; its id. Raises StoreError."""
    lock_row(connection, wallet, wallet_id)
    present = connection.scalars(select(account.c.id).where(account.c.wallet_id == wallet_id)).all()
    if len(present) >= MOST_ACCOUNTS:
        raise StoreError("accounts", "too_many")
    if _holds_scripts_of(connection, present, new.descriptor):
        raise StoreError("descriptor", "duplicate")
    account_id: int = connection.execute(
        insert(account)
        .values(
            wallet_id=wallet_id,
            name=new.name,
            purpose=None if new.purpose is None else int(new.purpose),
            account_index=new.account_index,
            descriptor=new.descriptor.text,
            next_receive=0,
            created_at=int(time.time()),
        )
        .returning(account.c.id)
    ).scalar_one()
    for branch in Branch:
        first = new.descriptor.scripts(branch, 0, DEFAULT_GAP_LIMIT)
        keep_scripts(connection, account_id, branch, 0, first)
    return account_id


def keep_scripts(
    connection: Connection, account_id: int, branch: Branch, start: int, scripts: Sequence[bytes]
) -> None:
    """Write down scripts that were derived, from position `start` on; once each."""
    if not scripts or not lock_row(connection, account, account_id):
        return
    known = connection.scalar(
        select(func.max(account_script.c.position)).where(
            account_script.c.account_id == account_id, account_script.c.branch == int(branch)
        )
    )
    rows = [
        {
            "account_id": account_id,
            "branch": int(branch),
            "position": position,
            "script_key": script_key(script),
            "script": script,
        }
        for position, script in enumerate(scripts, start)
        if known is None or position > known  # another process may have been first
    ]
    if rows:
        connection.execute(insert(account_script), rows)


def lock_row(connection: Connection, table: Table, row_id: int) -> bool:
    """Have other writers of what belongs to this row wait for the end of the transaction, as all
    writers of SQLite do; False where the row is gone."""
    locked = select(table.c.id).where(table.c.id == row_id).with_for_update()
    return connection.execute(locked).first() is not None


def offer_receive(connection: Connection, account_id: int, position: int) -> None:
    """Offer this position, or a later one that is offered already, to receive at."""
    connection.execute(
        update(account)
        .where(account.c.id == account_id, account.c.next_receive < position)
        .values(next_receive=position)
    )


def change_wallet(connection: Connection, wallet_id: int, *, name: str, gap_limit: int) -> None:
    connection.execute(
        update(wallet).where(wallet.c.id == wallet_id).values(name=name, gap_limit=gap_limit)
    )


def delete_wallet(connection: Connection, wallet_id: int) -> None:
    """With all that belongs to it."""
    connection.execute(delete(wallet).where(wallet.c.id == wallet_id))


def _is_kept(
    connection: Connection, user_id: int, network: Network, accounts: tuple[NewAccount, ...]
) -> bool:
    """Whether one of the user's wallets has one of these accounts."""
    mine = connection.scalars(
        select(account.c.id)
        .join(wallet, wallet.c.id == account.c.wallet_id)
        .where(wallet.c.user_id == user_id, wallet.c.network == network.name)
    ).all()
    return any(_holds_scripts_of(connection, mine, each.descriptor) for each in accounts)


def _holds_scripts_of(
    connection: Connection, account_ids: Sequence[int], descriptor: Descriptor
) -> bool:
    """Descriptors may differ in their text and yet stand for the same scripts."""
    first = [script for branch in Branch for script in descriptor.scripts(branch, 0, 1)]
    found = connection.scalars(
        select(account_script.c.account_id).where(
            account_script.c.script_key.in_(list(map(script_key, first))),
            account_script.c.script.in_(first),
        )
    )
    return not set(account_ids).isdisjoint(found)
