"""From what was typed on the send page to what is to be paid, with a sentence for each mistake."""

from dataclasses import dataclass
from typing import Final

from flask_babel import gettext as _

from indexer.chain.address import AddressError, address_of, script_of
from indexer.chain.encoding import EncodingError, hash_from_hex
from indexer.chain.network import Network
from wallet.coins import Outpoint
from webapp.address_words import address_words
from webapp.wallets.amounts import TypedNumberError, read_amount, read_fee_rate
from webapp.wallets.send_form import SendForm, TypedRecipient

LONGEST_OUTPOINT_NUMBER: Final = 7  # digits


class FormError(Exception):
    """A form that cannot be used. `errors`: field -> sentence; "" is for the whole form.

    Fields are named as the page's elements: to-0, amount-0, rate, coins, account. `missing` are
    those that are only not filled in yet.
    """

    def __init__(self, errors: dict[str, str], missing: frozenset[str] = frozenset()) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Payment:
    """`row` of the form; `amount` is None for the one who gets all that is left."""

    row: int
    address: str  # as the network writes it
    script: bytes
    amount: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Order:
    """What a filled in form asks for. `fee_rate` per 1000 vbytes; no `coins`: any may be spent."""

    payments: tuple[Payment, ...]
    fee_rate: int
    coins: frozenset[Outpoint]
    note: str

    @property
    def everything(self) -> Payment | None:
        """Who gets all that is left."""
        return next((payment for payment in self.payments if payment.amount is None), None)


@dataclass(frozen=True, slots=True)
class RateChoices:
    """Fee rates per 1000 vbytes: those on offer, and what the node relays at least."""

    fast: int
    normal: int
    slow: int
    minimum: int

    def of(self, choice: str) -> int:
        return {"fast": self.fast, "normal": self.normal, "slow": self.slow}[choice]


class _Mistakes:
    """Collects what is wrong, field by field."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.missing: set[str] = set()

    def lack(self, name: str, text: str) -> None:
        self.errors[name] = text
        self.missing.add(name)


def read_order(form: SendForm, rates: RateChoices, network: Network) -> Order:
    """Raises FormError."""
    mistakes = _Mistakes()
    payments = _payments(form, network, mistakes)
    fee_rate = _fee_rate(form, rates, network, mistakes)
    coins = _coins(form.coins, mistakes)
    if mistakes.errors:
        raise FormError(mistakes.errors, frozenset(mistakes.missing))
    return Order(payments, fee_rate, coins, form.note)


def _payments(form: SendForm, network: Network, mistakes: _Mistakes) -> tuple[Payment, ...]:
    payments = []
    for number, row in enumerate(form.recipients):
        if row.blank and len(form.recipients) > 1 and number != form.everything:
            continue
        script = _script(row, number, network, mistakes)
        amount = None
        if number != form.everything:
            amount = _amount(row, number, form, network, mistakes)
        if script is not None:
            address = address_of(script, network) or row.to
            payments.append(Payment(number, address, script, amount, row.label))
    if not payments and not mistakes.errors:
        mistakes.lack("to-0", _("Say whom you want to pay."))
    return tuple(payments)


def _script(
    row: TypedRecipient, number: int, network: Network, mistakes: _Mistakes
) -> bytes | None:
    if not row.to:
        mistakes.lack(f"to-{number}", _("Say whom you want to pay."))
        return None
    try:
        return script_of(row.to, network)
    except AddressError as error:
        mistakes.errors[f"to-{number}"] = address_words(error)
        return None


def _amount(
    row: TypedRecipient, number: int, form: SendForm, network: Network, mistakes: _Mistakes
) -> int:
    name = f"amount-{number}"
    if not row.amount:
        mistakes.lack(name, _("Say how much."))
        return 0
    try:
        return read_amount(row.amount, form.unit, network)
    except TypedNumberError as error:
        mistakes.errors[name] = str(error)
        return 0


def _fee_rate(form: SendForm, rates: RateChoices, network: Network, mistakes: _Mistakes) -> int:
    if form.fee != "rate":
        return rates.of(form.fee)
    if not form.rate:
        mistakes.lack("rate", _("Say which fee rate."))
        return 0
    try:
        rate = read_fee_rate(form.rate, network)
    except TypedNumberError as error:
        mistakes.errors["rate"] = str(error)
        return 0
    if rate < rates.minimum:
        mistakes.errors["rate"] = _(
            "The node passes on nothing below %(least)s %(unit)s/vB.",
            least=f"{rates.minimum / 1000:g}",
            unit=network.small_unit,
        )
    return rate


def _coins(typed: tuple[str, ...], mistakes: _Mistakes) -> frozenset[Outpoint]:
    coins = set()
    for text in typed:
        txid, _colon, vout = text.partition(":")
        try:
            if not vout.isdecimal() or len(vout) > LONGEST_OUTPOINT_NUMBER:
                raise EncodingError("no output's number")
            coins.add((hash_from_hex(txid), int(vout)))
        except EncodingError:
            mistakes.errors["coins"] = _("“%(text)s” names no coin.", text=text[:80])
    return frozenset(coins)
