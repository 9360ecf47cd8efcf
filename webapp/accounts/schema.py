"""The SQL tables of what belongs to people: users, their wallets, labels, contacts and drafts.

Every row belongs to one user, by way of its wallet where it has one, and goes when that user
goes. Hashes are 32 bytes in wire order (reversed for display). Amounts are integers in the
smallest unit. Times are seconds since 1970 UTC.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite makes a rowid alias only of a column declared INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    """Numbers of removed rows are never given again: an old page's form then finds nothing."""
    return Column("id", Id, primary_key=True)


def _owner(name: str, target: str, *, primary_key: bool = False) -> Column[int]:
    return Column(
        name,
        BigInteger,
        ForeignKey(target, ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


user = Table(
    "user",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),  # accounts.users.name_key
    Column("password_hash", Text),  # Argon2id; NULL: a guest of the demo
    Column("session_token", Text, nullable=False),  # another one ends every session
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

wallet = Table(
    "wallet",
    metadata,
    _id(),
    _owner("user_id", "user.id"),
    Column("network", Text, nullable=False),  # Network.name
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # "vault": a browser has its keys; or "watch"
    Column("fingerprint", Text),  # of the master key, 8 hexadecimal digits
    Column("birthday_height", Integer, nullable=False),  # nothing was received below
    Column("gap_limit", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("wallet_by_user", "user_id", "network"),
    sqlite_autoincrement=True,
)

account = Table(
    "account",
    metadata,
    _id(),
    _owner("wallet_id", "wallet.id"),
    Column("name", Text, nullable=False),
    Column("purpose", Integer),  # 44, 49, 84 or 86; NULL: another descriptor
    Column("account_index", Integer),
    Column("descriptor", Text, nullable=False),  # canonical, with <0;1>/* and checksum
    Column("next_receive", Integer, nullable=False),  # the position to offer for receiving
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("wallet_id", "descriptor", name="account_of_wallet"),
    sqlite_autoincrement=True,
)

# The scripts that are derived so far: those used, and the gap after them.
account_script = Table(
    "account_script",
    metadata,
    _owner("account_id", "account.id", primary_key=True),
    Column("branch", SmallInteger, primary_key=True, autoincrement=False),  # wallet.keys.Branch
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("script_key", BigInteger, nullable=False),  # indexer.keys.script_key
    Column("script", LargeBinary, nullable=False),
    Index("account_script_by_key", "script_key"),
    sqlite_with_rowid=False,
)

# As in BIP329: `ref` is a txid, an address, an outpoint as txid:vout, a key.
label = Table(
    "label",
    metadata,
    _owner("wallet_id", "wallet.id", primary_key=True),
    Column("type", Text, primary_key=True),  # tx, addr, output, input, pubkey or xpub
    Column("ref", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("origin", Text),  # which of the wallet's descriptors, as other wallets wrote it
)

frozen_coin = Table(
    "frozen_coin",
    metadata,
    _owner("wallet_id", "wallet.id", primary_key=True),
    Column("txid", LargeBinary, primary_key=True),
    Column("vout", Integer, primary_key=True, autoincrement=False),
)

contact = Table(
    "contact",
    metadata,
    _id(),
    _owner("user_id", "user.id"),
    Column("network", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),  # canonical: as the network writes it
    UniqueConstraint("user_id", "network", "address", name="contact_of_user"),
    sqlite_autoincrement=True,
)

draft = Table(
    "draft",
    metadata,
    _id(),
    _owner("wallet_id", "wallet.id"),
    Column("state", Text, nullable=False),  # open, signed, sent or abandoned
    Column("form", JSON, nullable=False),  # as it was typed
    Column("psbt", LargeBinary),
    Column("raw", LargeBinary),  # the signed transaction
    Column("txid", LargeBinary),
    Column("replaces", LargeBinary),  # the txid of the transaction that this one bumps
    Column("error", Text),  # why it was not sent, in words
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("draft_by_wallet", "wallet_id", "state"),
    sqlite_autoincrement=True,
)
