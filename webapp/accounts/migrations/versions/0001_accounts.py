"""The first tables: users, wallets, labels, contacts and drafts."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_user()
    _create_wallet()
    _create_account()
    _create_account_script()
    _create_label()
    _create_frozen_coin()
    _create_contact()
    _create_draft()


def downgrade() -> None:
    for table in (
        "draft",
        "contact",
        "frozen_coin",
        "label",
        "account_script",
        "account",
        "wallet",
        "user",
    ):
        op.drop_table(table)


def _owner(name: str, target: str, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        name,
        sa.BigInteger,
        sa.ForeignKey(target, ondelete="CASCADE"),
        primary_key=primary_key,
        autoincrement=False,
        nullable=False,
    )


def _create_user() -> None:
    op.create_table(
        "user",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False, unique=True),
        sa.Column("password_hash", sa.Text),
        sa.Column("session_token", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )


def _create_wallet() -> None:
    op.create_table(
        "wallet",
        sa.Column("id", Id, primary_key=True),
        _owner("user_id", "user.id"),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text),
        sa.Column("birthday_height", sa.Integer, nullable=False),
        sa.Column("gap_limit", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("wallet_by_user", "wallet", ["user_id", "network"])


def _create_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", Id, primary_key=True),
        _owner("wallet_id", "wallet.id"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("purpose", sa.Integer),
        sa.Column("account_index", sa.Integer),
        sa.Column("descriptor", sa.Text, nullable=False),
        sa.Column("next_receive", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("wallet_id", "descriptor", name="account_of_wallet"),
        sqlite_autoincrement=True,
    )


def _create_account_script() -> None:
    op.create_table(
        "account_script",
        _owner("account_id", "account.id", primary_key=True),
        sa.Column("branch", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("script_key", sa.BigInteger, nullable=False),
        sa.Column("script", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("account_script_by_key", "account_script", ["script_key"])


def _create_label() -> None:
    op.create_table(
        "label",
        _owner("wallet_id", "wallet.id", primary_key=True),
        sa.Column("type", sa.Text, primary_key=True),
        sa.Column("ref", sa.Text, primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("origin", sa.Text),
    )


def _create_frozen_coin() -> None:
    op.create_table(
        "frozen_coin",
        _owner("wallet_id", "wallet.id", primary_key=True),
        sa.Column("txid", sa.LargeBinary, primary_key=True),
        sa.Column("vout", sa.Integer, primary_key=True, autoincrement=False),
    )


def _create_contact() -> None:
    op.create_table(
        "contact",
        sa.Column("id", Id, primary_key=True),
        _owner("user_id", "user.id"),
        sa.Column("network", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.UniqueConstraint("user_id", "network", "address", name="contact_of_user"),
        sqlite_autoincrement=True,
    )


def _create_draft() -> None:
    op.create_table(
        "draft",
        sa.Column("id", Id, primary_key=True),
        _owner("wallet_id", "wallet.id"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("form", sa.JSON, nullable=False),
        sa.Column("psbt", sa.LargeBinary),
        sa.Column("raw", sa.LargeBinary),
        sa.Column("txid", sa.LargeBinary),
        sa.Column("replaces", sa.LargeBinary),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("draft_by_wallet", "draft", ["wallet_id", "state"])
