"""Raising the fee of a transaction that waits: replaced, cancelled, or paid for by a child."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import Connection

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxOutput
from indexer.queries.node import node_info
from indexer.queries.packages import Package, package
from indexer.queries.pulse import Pulse
from indexer.queries.transactions import find_pending
from indexer.raw import RawSource
from wallet import bump as rules
from wallet.bump import Adjustment, Ancestors, NotReplaceable, NotReplaceableError, RelayRules
from wallet.coins import Candidate, ChangeOutput, Outpoint, Trust
from wallet.descriptor import DerivedOutput
from wallet.fees import InputSize, InsufficientFundsError, rate_of, vsize_of
from wallet.keys import Branch
from wallet.psbt import Psbt
from wallet.psbt_build import Paid, build_psbt
from webapp.formatting import amount_text
from webapp.wallets.amounts import write_fee_rate
from webapp.wallets.orders import FormError
from webapp.wallets.preparing import chance, derived, locktime_of, own_coins
from webapp.wallets.send_form import SendForm, TypedRecipient
from webapp.wallets.sizes import input_size
from webapp.wallets.snapshot import AccountState, OwnedCoin, Snapshot


class Way(StrEnum):
    BUMP = "bump"
    CANCEL = "cancel"
    CHILD = "cpfp"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transaction of the wallet in the mempool. `spent` are its inputs, if all are ours;
    `received` its outputs to us that nothing spends."""

    txid: bytes
    transaction: Transaction
    fee: int
    package: Package
    spent: tuple[OwnedCoin, ...]
    received: tuple[OwnedCoin, ...]

    @property
    def ways(self) -> tuple[Way, ...]:
        own = (Way.BUMP, Way.CANCEL) if self.spent else ()
        return (*own, Way.CHILD) if self.received else own


@dataclass(frozen=True, slots=True)
class Raised:
    """The transaction that would do it. `package_rate` is what miners see of a child and all that
    it pays for; rates per 1000 vbytes. `form` names nobody where all comes back: then the browser's
    worker takes nothing but change that it can prove."""

    way: Way
    coins: tuple[OwnedCoin, ...]
    outputs: tuple[TxOutput, ...]
    fee: int
    weight: int
    package_rate: int | None
    evicted: int
    adjustments: tuple[Adjustment, ...]
    form: SendForm

    @property
    def fee_rate(self) -> int:
        return rate_of(self.fee, self.weight)

    @property
    def vsize(self) -> int:
        return vsize_of(self.weight)


def find_waiting(
    index: Connection, snapshot: Snapshot, txid: bytes, held: frozenset[Outpoint]
) -> Waiting | None:
    """The wallet's transaction, if it is in the mempool. `held` coins are not to be spent."""
    found = find_pending(index, txid, snapshot.network)
    together = package(index, txid)
    if found is None or together is None:
        return None
    coins = {coin.outpoint: coin for coin in snapshot.coins}
    spent = [coins.get((each.prev_txid, each.prev_vout)) for each in found.transaction.inputs]
    ours = tuple(coin for coin in spent if coin is not None)
    return Waiting(
        txid=txid,
        transaction=found.transaction,
        fee=together.transaction.fee,
        package=together,
        spent=ours if len(ours) == len(spent) else (),
        received=tuple(
            coin
            for coin in snapshot.coins
            if coin.txid == txid and coin.spent_by is None and coin.outpoint not in held
        ),
    )


@dataclass(frozen=True)
class Raiser:
    """What is needed to raise the fee of one transaction. `held` coins are not to be added."""

    index: Connection
    snapshot: Snapshot
    waiting: Waiting
    held: frozenset[Outpoint]
    known: SendForm | None  # what was typed when it was made, where it was made here

    def raised(self, way: Way, fee_rate: int) -> Raised:
        """At this rate per 1000 vbytes, of the package for a child. Raises FormError."""
        if way not in self.waiting.ways:
            raise FormError({"": _("This transaction cannot be changed in this way.")})
        try:
            match way:
                case Way.BUMP:
                    return self._bumped(fee_rate)
                case Way.CANCEL:
                    return self._cancelled(fee_rate)
                case Way.CHILD:
                    return self._paid_for(fee_rate)
        except NotReplaceableError as error:
            raise FormError({"": _irreplaceable_words(error.reason)}) from error
        except InsufficientFundsError as error:
            text = _(
                "There is not enough for such a fee: %(needed)s are needed, %(found)s are there.",
                needed=amount_text(error.needed),
                found=amount_text(error.available),
            )
            raise FormError({"rate": text}) from error

    def _bumped(self, fee_rate: int) -> Raised:
        change, payments = self._change_and_payments()
        account = self._account(self.waiting.spent)
        script = account.change.next_script if change is None else change.script
        form = self._form_of(payments)
        kept = rules.Bump(
            old=self._pending(),
            coins=self._candidates(self.waiting.spent),
            payments=tuple(payments),
            change=ChangeOutput(script, self._size(_any_change(account))),
            had_change=change is not None,
            rest=form.everything,
        )
        found = rules.bump(
            kept, fee_rate, self._rules(), self.snapshot.network, self._candidates(self._spare())
        )
        return self._replacement(Way.BUMP, found, form)

    def _cancelled(self, fee_rate: int) -> Raised:
        account = self._account(self.waiting.spent)
        found = rules.cancel(
            self._pending(),
            self._candidates(self.waiting.spent),
            account.change.next_script,
            fee_rate,
            self._rules(),
            self.snapshot.network,
        )
        return self._replacement(Way.CANCEL, found, SendForm(account=account.account.id))

    def _paid_for(self, package_rate: int) -> Raised:
        account = self._account(self.waiting.received)
        together = self.waiting.package
        child = rules.pay_for(
            Ancestors(together.ancestor_fee, vsize_of(together.ancestor_weight)),
            self._candidates(self.waiting.received),
            account.change.next_script,
            package_rate,
            self._rules(),
            self.snapshot.network,
            self._candidates(self._spare()),
        )
        return Raised(
            way=Way.CHILD,
            coins=self._coins(child.coins),
            outputs=(child.output,),
            fee=child.fee,
            weight=child.weight,
            package_rate=child.package_rate,
            evicted=0,
            adjustments=(),
            form=SendForm(account=account.account.id),
        )

    def _replacement(self, way: Way, found: rules.Replacement, form: SendForm) -> Raised:
        # Rounded up, so that the browser's worker finds no fee above what was chosen.
        chosen = write_fee_rate(-(-found.fee * 1_000 // vsize_of(found.weight)))
        return Raised(
            way=way,
            coins=self._coins(found.coins),
            outputs=found.outputs,
            fee=found.fee,
            weight=found.weight,
            package_rate=None,
            evicted=found.evicted,
            adjustments=found.adjustments,
            form=SendForm(
                recipients=form.recipients,
                everything=form.everything,
                unit="small",
                account=form.account,
                fee="rate",
                rate=chosen,
                note=form.note,
            ),
        )

    def _pending(self) -> rules.Pending:
        after = self.waiting.package.descendants
        return rules.Pending(
            self.waiting.transaction,
            self.waiting.fee,
            len(after),
            sum(each.fee for each in after),
            sum(vsize_of(each.weight) for each in after),
        )

    def _rules(self) -> RelayRules:
        node = node_info(self.index)
        relay = 1_000 if node is None else node.relay_fee
        return RelayRules(relay, relay, full_rbf=False)

    def _change_and_payments(self) -> tuple[TxOutput | None, list[TxOutput]]:
        """Which output comes back: the one to a change address that nobody typed."""
        typed = {row.to for row in self.known.recipients} if self.known else set()
        change, payments = None, []
        for output in self.waiting.transaction.outputs:
            place = self.snapshot.owned.find(output.script)
            back = place is not None and place.branch is Branch.CHANGE
            if back and change is None and self._address(output) not in typed:
                change = output
            else:
                payments.append(output)
        return change, payments

    def _form_of(self, payments: Iterable[TxOutput]) -> SendForm:
        """The old payments as somebody would type them."""
        labels = {row.to: row.label for row in self.known.recipients} if self.known else {}
        rest = None
        if self.known is not None and self.known.everything is not None:
            rest = self.known.recipients[self.known.everything].to
        rows = [
            TypedRecipient(address, str(output.value), labels.get(address, ""))
            for output in payments
            for address in (self._address(output),)
        ]
        everything = next((place for place, row in enumerate(rows) if row.to == rest), None)
        return SendForm(
            recipients=tuple(rows) or (TypedRecipient(),),
            everything=everything,
            account=self._account(self.waiting.spent).account.id,
            note=self.known.note if self.known else "",
        )

    def _address(self, output: TxOutput) -> str:
        address = address_of(output.script, self.snapshot.network)
        if address is None:
            raise FormError(
                {"": _("One of its outputs has no address, so it cannot be made anew here.")}
            )
        return address

    def _account(self, coins: Iterable[OwnedCoin]) -> AccountState:
        account = self.snapshot.account(next(iter(coins)).place.account_id)
        assert account is not None
        return account

    def _spare(self) -> tuple[OwnedCoin, ...]:
        """Confirmed coins of the same account that may be added."""
        own = self.waiting.spent or self.waiting.received
        return tuple(
            coin
            for coin in self.snapshot.coins
            if coin.place.account_id == own[0].place.account_id
            and coin.height is not None
            and coin.spent_by is None
            and not coin.blocks_to_maturity
            and coin.outpoint not in self.held
        )

    def _candidates(self, coins: Iterable[OwnedCoin]) -> tuple[Candidate, ...]:
        return tuple(
            Candidate(
                coin.txid,
                coin.vout,
                coin.value,
                coin.script,
                self._size(derived(self.snapshot, coin)),
                Trust.OWN_PENDING if coin.height is None else Trust.CONFIRMED,
            )
            for coin in coins
        )

    def _size(self, output: DerivedOutput) -> InputSize:
        return input_size(self.snapshot, output)

    def _coins(self, chosen: Iterable[Candidate]) -> tuple[OwnedCoin, ...]:
        by_outpoint = {coin.outpoint: coin for coin in self.snapshot.coins}
        return tuple(by_outpoint[each.outpoint] for each in chosen)


def _any_change(account: AccountState) -> DerivedOutput:
    return account.account.parsed.derive(Branch.CHANGE, 0)


def psbt_of(
    index: Connection, raw: RawSource, pulse: Pulse, snapshot: Snapshot, raised: Raised
) -> Psbt:
    """Raises RawUnavailableError."""
    typed = {row.to for row in raised.form.recipients}
    return build_psbt(
        snapshot.network,
        own_coins(index, raw, snapshot, raised.coins),
        [_paid(output, snapshot, typed) for output in raised.outputs],
        chance,
        locktime=locktime_of(pulse),
    )


def _paid(output: TxOutput, snapshot: Snapshot, typed: set[str]) -> Paid:
    place = snapshot.owned.find(output.script)
    if place is None or address_of(output.script, snapshot.network) in typed:
        return Paid(output)
    account = snapshot.account(place.account_id)
    assert account is not None
    return Paid(output, account.account.parsed.derive(place.branch, place.position))


def _irreplaceable_words(reason: NotReplaceable) -> str:
    words = {
        NotReplaceable.NOT_SIGNALLED: _("It does not say that it may be replaced."),
        NotReplaceable.TOO_MANY_EVICTED: _("Too many other transactions depend on it."),
        NotReplaceable.ADDS_UNCONFIRMED: _("It would need coins that are not confirmed yet."),
    }
    return str(words[reason])


def adjustment_words(adjustment: Adjustment) -> str:
    """What raising the fee changes besides."""
    words = {
        Adjustment.CHANGE_REDUCED: _("The higher fee is taken from your change."),
        Adjustment.CHANGE_DROPPED: _("Nothing is left for change."),
        Adjustment.CHANGE_ADDED: _("A change output is added."),
        Adjustment.REST_REDUCED: _("Who gets all that is left gets less."),
        Adjustment.COINS_ADDED: _("More of your coins are spent."),
        Adjustment.LEAST_FEE: _("The rate was raised to the least that nodes take here."),
    }
    return str(words[adjustment])
