"""What the browser asks to keep: wallets and accounts from JSON, each wrong field named."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

from flask_babel import gettext as _

from indexer.chain.network import Network
from wallet.descriptor import Descriptor, DescriptorError
from wallet.keys import Purpose
from webapp.sentences import translated
from webapp.wallets.store import (
    LONGEST_NAME,
    MOST_ACCOUNTS,
    MOST_WALLETS,
    Kind,
    NewAccount,
    NewWallet,
    StoreError,
)

HARDENED = 2**31
MOST_HEIGHT = 2**31 - 1
LONGEST_DESCRIPTOR = 10_000
_FINGERPRINT = re.compile(r"[0-9a-f]{8}", re.ASCII)


class RequestError(Exception):
    """What is wrong with a request: field -> sentence for people."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {text}" for field, text in errors.items()))
        self.errors = dict(errors)


class Reader:
    """Reads fields of a JSON object and gathers what is wrong with them."""

    def __init__(self, values: object, network: Network, prefix: str = "") -> None:
        self.network = network
        self.errors: dict[str, str] = {}
        self._prefix = prefix
        self._values: Mapping[str, Any] = values if isinstance(values, dict) else {}
        if not isinstance(values, dict):
            self.fail("", _("A JSON object is expected."))

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def fail(self, name: str, text: str) -> None:
        self.errors.setdefault(f"{self._prefix}{name}".rstrip("."), text)

    def integer(self, name: str, most: int) -> int:
        value = self.get(name)
        if type(value) is int and 0 <= value <= most:
            return value
        self.fail(name, _("A whole number from 0 to %(most)s is expected.", most=most))
        return 0


def read_wallet(values: object, network: Network) -> NewWallet:
    """Raises RequestError."""
    fields = Reader(values, network)
    name = read_name(fields, "name")
    kind = fields.get("kind")
    if kind not in ("vault", "watch"):
        fields.fail("kind", _("“vault” or “watch” is expected."))
    fingerprint = _fingerprint(fields, required=kind == "vault")
    birthday = fields.integer("birthday_height", MOST_HEIGHT)
    accounts = _accounts(fields)
    if kind == "vault" and fingerprint is not None:
        for number, each in enumerate(accounts):
            if not _is_of(each.descriptor, fingerprint):
                text = _("The descriptor is not of the wallet's master key.")
                fields.fail(f"accounts.{number}.descriptor", text)
    if fields.errors:
        raise RequestError(fields.errors)
    return NewWallet(name, cast(Kind, kind), fingerprint, birthday, accounts)


def read_account(
    values: object, network: Network, fingerprint: str | None, *, prefix: str = ""
) -> NewAccount:
    """An account for a wallet whose master key has this fingerprint, if any. Raises
    RequestError."""
    fields = Reader(values, network, prefix)
    name = read_name(fields, "name") if fields.get("name") else ""
    descriptor = _descriptor(fields)
    purpose = fields.get("purpose")
    if purpose is not None and purpose not in list(Purpose):
        fields.fail("purpose", _("44, 49, 84 or 86 is expected, or nothing."))
    elif descriptor is not None and purpose is not None and descriptor.purpose != purpose:
        fields.fail("purpose", _("The descriptor makes addresses of another kind."))
    index = fields.get("account_index")
    if index is not None:
        index = fields.integer("account_index", HARDENED - 1)
    if descriptor is not None and fingerprint is not None and not _is_of(descriptor, fingerprint):
        fields.fail("descriptor", _("The descriptor is not of the wallet's master key."))
    if fields.errors or descriptor is None:
        raise RequestError(fields.errors)
    return NewAccount(descriptor.purpose, index, descriptor, name)


def read_name(fields: Reader, field: str) -> str:
    value = fields.get(field)
    name = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    if not name:
        fields.fail(field, _("A name is expected."))
    elif len(name) > LONGEST_NAME:
        fields.fail(field, _("The name is longer than %(count)s characters.", count=LONGEST_NAME))
    elif not name.isprintable():
        fields.fail(field, _("The name holds a character that cannot be seen."))
    return name


def words_of(error: StoreError) -> RequestError:
    """What the store refused, for people."""
    words = {
        ("name", "too_many"): _(
            "You have %(count)s wallets. That is as many as this server keeps for one person.",
            count=MOST_WALLETS,
        ),
        ("accounts", "too_many"): _(
            "A wallet can have %(count)s accounts at most.", count=MOST_ACCOUNTS
        ),
        ("accounts", "duplicate"): _("You have a wallet with this account already."),
        ("descriptor", "duplicate"): _("The wallet has this account already."),
    }
    return RequestError({error.field: words[error.field, error.code]})


def _accounts(fields: Reader) -> tuple[NewAccount, ...]:
    values = fields.get("accounts")
    if not isinstance(values, list) or not 1 <= len(values) <= MOST_ACCOUNTS:
        fields.fail(
            "accounts", _("A list of 1 to %(count)s accounts is expected.", count=MOST_ACCOUNTS)
        )
        return ()
    accounts: list[NewAccount] = []
    for number, each in enumerate(values):
        try:
            accounts.append(read_account(each, fields.network, None, prefix=f"accounts.{number}."))
        except RequestError as error:
            fields.errors |= error.errors
    return tuple(accounts)


def _descriptor(fields: Reader) -> Descriptor | None:
    text = fields.get("descriptor")
    if not isinstance(text, str) or len(text) > LONGEST_DESCRIPTOR:
        fields.fail("descriptor", _("The text of a descriptor is expected."))
        return None
    try:
        return Descriptor.parse(text, fields.network)
    except DescriptorError as error:
        fields.fail("descriptor", translated(error))
        return None


def _fingerprint(fields: Reader, *, required: bool) -> str | None:
    value = fields.get("fingerprint")
    if value is None and not required:
        return None
    if isinstance(value, str) and _FINGERPRINT.fullmatch(value):
        return value
    fields.fail("fingerprint", _("8 hexadecimal digits in small letters are expected."))
    return None


def _is_of(descriptor: Descriptor, fingerprint: str) -> bool:
    return any(key.fingerprint.hex() == fingerprint for key in descriptor.keys)
