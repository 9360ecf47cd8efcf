"""What the send page shows: the form, and the transaction that it would make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Connection, select

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, hash_hex
from indexer.chain.network import Network
from indexer.queries.fee_advice import advise
from indexer.queries.mempool import MIN_RATE, Mempool
from indexer.queries.node import node_info
from indexer.queries.script_sets import parties
from wallet.coins import Outpoint
from wallet.labels import LabelType
from webapp.accounts.schema import contact
from webapp.flow import Flow, Strand, draw_flow
from webapp.formatting import amount_text
from webapp.transaction_flow import MOST_STRANDS
from webapp.wallets import drafts
from webapp.wallets.drafts import Draft
from webapp.wallets.fee_slider import FeeSlider, fee_slider
from webapp.wallets.labels import all_labels, frozen_coins, labels_for
from webapp.wallets.orders import FormError, RateChoices, read_order
from webapp.wallets.pasted import PastedError, expand_uris
from webapp.wallets.remarks import Known, Remark, choice_words, remarks
from webapp.wallets.send_form import SendForm
from webapp.wallets.snapshot import AccountState, OwnedCoin, Snapshot
from webapp.wallets.spending import Plan, Purse, make_plan, purse_of

PAYMENTS_REMEMBERED = 300  # latest transactions whose recipients count as known
OUTPUTS_REMEMBERED = 20  # of each
COINS_LISTED = 500


@dataclass(frozen=True, slots=True)
class CoinRow:
    """A coin to choose. `held`: frozen, or spent by a signed draft."""

    coin: OwnedCoin
    address: str
    label: str | None
    held: bool

    @property
    def name(self) -> str:
        return f"{hash_hex(self.coin.txid)}:{self.coin.vout}"


@dataclass(frozen=True, slots=True)
class Preview:
    """The transaction as it would be; `plan` is None, and `errors` say why, where there is none.
    `missing` are fields that are only not filled in yet."""

    plan: Plan | None = None
    flow: Flow | None = None
    choice: str = ""
    remarks: tuple[Remark, ...] = ()
    errors: dict[str, str] | None = None
    missing: frozenset[str] = frozenset()

    def without_missing(self) -> "Preview":
        """The same with nothing said of fields that are not filled in yet."""
        errors = self.errors or {}
        kept = {name: text for name, text in errors.items() if name not in self.missing}
        return replace(self, errors=kept)


@dataclass(frozen=True, slots=True)
class SendView:
    """All of the page. `draft` is the open one that is typed on."""

    snapshot: Snapshot
    account: AccountState
    form: SendForm
    purse: Purse
    preview: Preview
    rates: RateChoices
    slider: FeeSlider
    coins: tuple[CoinRow, ...]
    contacts: tuple[Known, ...]
    drafts: tuple[Draft, ...]
    draft: Draft | None
    pasted: str = ""
    pasted_error: str = ""

    @property
    def errors(self) -> dict[str, str]:
        return self.preview.errors or {}


class Desk:
    """What planning a payment needs: a wallet at one moment, fee rates, who is known."""

    def __init__(
        self,
        index: Connection,
        accounts: Connection,
        snapshot: Snapshot,
        mempool: Mempool,
        draft: Draft | None = None,
    ) -> None:
        self.index = index
        self.accounts = accounts
        self.snapshot = snapshot
        self.mempool = mempool
        self.draft = draft
        self.rates = _rates(index, mempool, snapshot.network)

    def account(self, form: SendForm) -> AccountState:
        """The one that is spent from: the one with the most where none is chosen."""
        chosen = None if form.account is None else self.snapshot.account(form.account)
        return chosen or max(self.snapshot.accounts, key=lambda each: each.balance.confirmed)

    def purse(self, form: SendForm) -> Purse:
        promised = frozenset(output.script for made in self._signed for output in made.outputs)
        return purse_of(self.snapshot, self.account(form), self.held(), promised)

    def plan(self, form: SendForm) -> Plan:
        """Raises FormError."""
        if self.snapshot.loading:
            raise FormError({"": _("The index is still loading: coins cannot be chosen yet.")})
        order = read_order(self.expanded(form), self.rates, self.snapshot.network)
        return make_plan(order, self.purse(form), self.snapshot, self.rates)

    def expanded(self, form: SendForm) -> SendForm:
        """Payment URIs among the addresses taken apart. Raises FormError."""
        try:
            return replace(form, recipients=expand_uris(form, self.snapshot.network))
        except PastedError as error:
            raise FormError({"to-0": str(error)}) from error

    def preview(self, form: SendForm) -> Preview:
        try:
            plan = self.plan(form)
        except FormError as error:
            return Preview(errors=error.errors, missing=error.missing)
        said = remarks(self.index, plan, self.snapshot, self.rates, self.known())
        return Preview(plan, plan_flow(plan, self.snapshot.network), choice_words(plan), said)

    def known(self) -> tuple[Known, ...]:
        """Addresses of contacts, those with a label, and those paid before."""
        names: dict[str, str] = {}
        for address in self._paid_before():
            names[address] = _("you have paid it")
        for record in all_labels(self.accounts, self.snapshot.wallet.id):
            if record.type is LabelType.ADDR and record.label:
                names[record.ref] = record.label
        names |= {each.address: each.name for each in self.contacts()}
        return tuple(Known(address, name) for address, name in names.items())

    def contacts(self) -> tuple[Known, ...]:
        rows = self.accounts.execute(
            select(contact.c.address, contact.c.name)
            .where(
                contact.c.user_id == self.snapshot.wallet.user_id,
                contact.c.network == self.snapshot.network.name,
            )
            .order_by(contact.c.name)
        )
        return tuple(Known(row.address, row.name) for row in rows)

    def view(
        self, form: SendForm, preview: Preview, pasted: str = "", pasted_error: str = ""
    ) -> SendView:
        purse = self.purse(form)
        return SendView(
            snapshot=self.snapshot,
            account=purse.account,
            form=form,
            purse=purse,
            preview=preview,
            rates=self.rates,
            slider=fee_slider(self.mempool, self.rates),
            coins=self._coin_rows(purse),
            contacts=self.contacts(),
            drafts=drafts.unfinished(self.accounts, self.snapshot.wallet.id),
            draft=self.draft,
            pasted=pasted,
            pasted_error=pasted_error,
        )

    def held(self) -> frozenset[Outpoint]:
        """Coins that are frozen, or that a signed draft spends."""
        spent = ((each.prev_txid, each.prev_vout) for made in self._signed for each in made.inputs)
        return frozen_coins(self.accounts, self.snapshot.wallet.id) | frozenset(spent)

    @cached_property
    def _signed(self) -> tuple[Transaction, ...]:
        return drafts.signed_transactions(
            self.accounts, self.snapshot.wallet.id, self.snapshot.network
        )

    def _coin_rows(self, purse: Purse) -> tuple[CoinRow, ...]:
        coins = sorted(purse.coins, key=lambda coin: -coin.value)[:COINS_LISTED]
        network = self.snapshot.network
        addresses = [address_of(coin.script, network) or "" for coin in coins]
        names = [f"{hash_hex(coin.txid)}:{coin.vout}" for coin in coins]
        found = labels_for(
            self.accounts,
            self.snapshot.wallet.id,
            [
                *((LabelType.OUTPUT, name) for name in names),
                *((LabelType.ADDR, address) for address in addresses),
            ],
        )
        return tuple(
            CoinRow(
                coin,
                address,
                found.get((LabelType.OUTPUT, name)) or found.get((LabelType.ADDR, address)),
                coin.outpoint in purse.held,
            )
            for coin, name, address in zip(coins, names, addresses, strict=True)
        )

    def _paid_before(self) -> Iterable[str]:
        ledger = self.snapshot.ledger
        rows = range(max(0, len(ledger) - PAYMENTS_REMEMBERED), len(ledger))
        tx_ids = [ledger.tx_ids[row] for row in rows if ledger.sent[row]]
        txids = [each.txid for each in self.snapshot.pending.movements if each.sent]
        for listed in parties(self.index, tx_ids, txids, OUTPUTS_REMEMBERED).values():
            for party in listed:
                if self.snapshot.owned.find(party.script) is None:
                    address = address_of(party.script, self.snapshot.network)
                    if address is not None:
                        yield address


def plan_flow(plan: Plan, network: Network) -> Flow:
    """The drawing of a transaction that is not yet made."""
    left = [
        Strand("input", _named(address_of(coin.script, network), coin.value), coin.value)
        for coin in plan.spent[:MOST_STRANDS]
    ]
    left += _rest([coin.value for coin in plan.spent[MOST_STRANDS:]])
    right = [
        Strand("output", _named(payment.address, amount), amount)
        for payment, amount in plan.payments[:MOST_STRANDS]
    ]
    right += _rest([amount for _, amount in plan.payments[MOST_STRANDS:]])
    if plan.selection.change is not None:
        right.append(
            Strand("unspent", _named(_("Change"), plan.selection.change), plan.selection.change)
        )
    right.append(Strand("fee", _named(_("Fee"), plan.selection.fee), plan.selection.fee))
    return draw_flow(left, right)


def _named(name: str | None, value: int) -> str:
    return f"{name or '?'}: {amount_text(value)}"


def _rest(values: Sequence[int]) -> list[Strand]:
    if not values:
        return []
    name = ngettext("%(num)d more", "%(num)d more", len(values))
    return [Strand("rest", _named(name, sum(values)), sum(values))]


def _rates(index: Connection, mempool: Mempool, network: Network) -> RateChoices:
    node = node_info(index)
    advice = advise(mempool, MIN_RATE if node is None else node.relay_fee, network.max_block_weight)
    return RateChoices(advice.fastest, advice.half_hour, advice.hour, advice.minimum)
