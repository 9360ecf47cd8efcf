"""Which coins an order spends, and what the transaction will be."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from flask_babel import gettext as _

from indexer.chain.encoding import TxOutput, hash_hex
from wallet.coins import (
    Candidate,
    ChangeOutput,
    CoinUnavailableError,
    DustError,
    Outpoint,
    Request,
    Selection,
    TooManyCoinsError,
    Trust,
)
from wallet.fees import InputSize, InsufficientFundsError, rate_of, vsize_of
from wallet.keys import Branch
from wallet.selection import select, select_all
from webapp.formatting import amount_text
from webapp.wallets.orders import FormError, Order, Payment, RateChoices
from webapp.wallets.sizes import input_size
from webapp.wallets.snapshot import AccountState, OwnedCoin, Snapshot

# The same coins and the same order give the same choice: what was drawn is what is reviewed.
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Purse:
    """What one account has to spend, and where change goes. `held` coins are frozen or in a signed
    draft."""

    account: AccountState
    coins: tuple[OwnedCoin, ...]
    held: frozenset[Outpoint]
    immature: int
    change_position: int
    change_script: bytes

    @property
    def spendable(self) -> int:
        return sum(coin.value for coin in self.coins if coin.outpoint not in self.held)


@dataclass(frozen=True, slots=True)
class Plan:
    """A transaction before it is a PSBT. `outputs` are the payments in the order's order, each with
    its amount, then the change if there is any."""

    order: Order
    purse: Purse
    selection: Selection
    spent: tuple[OwnedCoin, ...]

    @property
    def payments(self) -> tuple[tuple[Payment, int], ...]:
        """Each with what it gets: the one who gets the rest is paid by the last output."""
        amounts = [output.value for output in self.selection.outputs]
        rest = amounts[-1]
        given = iter(amounts)
        return tuple(
            (payment, rest if payment.amount is None else next(given))
            for payment in self.order.payments
        )

    @property
    def paid(self) -> int:
        return sum(amount for _, amount in self.payments)

    @property
    def fee_rate(self) -> int:
        """Per 1000 vbytes, as it comes out."""
        return rate_of(self.selection.fee, self.selection.weight)

    @property
    def vsize(self) -> int:
        return vsize_of(self.selection.weight)


def purse_of(
    snapshot: Snapshot, account: AccountState, held: Iterable[Outpoint], promised: frozenset[bytes]
) -> Purse:
    """The coins of an account that nothing spends yet. No change goes to `promised` scripts: those
    that signed drafts pay."""
    position, script = _change(snapshot, account, promised)
    own = [coin for coin in snapshot.coins if coin.place.account_id == account.account.id]
    free = [coin for coin in own if coin.spent_by is None]
    return Purse(
        account=account,
        coins=tuple(coin for coin in free if not coin.blocks_to_maturity),
        held=frozenset(held),
        immature=sum(coin.value for coin in free if coin.blocks_to_maturity),
        change_position=position,
        change_script=script,
    )


def _change(
    snapshot: Snapshot, account: AccountState, promised: frozenset[bytes]
) -> tuple[int, bytes]:
    """The next change address, or a later one within the gap limit that nothing will pay yet."""
    run = snapshot.owned.run(account.account.id, Branch.CHANGE)
    scripts = snapshot.owned.wanted.scripts[run.first : run.first + run.count]
    first = account.change.next_position
    position = next((at for at in range(first, run.count) if scripts[at] not in promised), first)
    return position, scripts[position]


def make_plan(order: Order, purse: Purse, snapshot: Snapshot, rates: RateChoices) -> Plan:
    """Raises FormError."""
    size = input_size(snapshot, purse.account.account.parsed.derive(Branch.CHANGE, 0))
    candidates = [_candidate(coin, size, snapshot) for coin in purse.coins]
    fixed = [payment for payment in order.payments if payment.amount is not None]
    request = Request(
        network=snapshot.network,
        payments=tuple(TxOutput(each.amount or 0, each.script) for each in fixed),
        fee_rate=order.fee_rate,
        long_term_rate=min(order.fee_rate, rates.slow),
        change=ChangeOutput(purse.change_script, size),
        chosen=order.coins,
        frozen=purse.held,
    )
    try:
        selection = _select(candidates, request, order)
    except DustError as error:
        row = fixed[error.payment].row if error.payment < len(fixed) else _rest_row(order)
        raise FormError({f"amount-{row}": _dust_words(error.least)}) from error
    except InsufficientFundsError as error:
        raise FormError(_shortfall(order, purse, error.needed)) from error
    except CoinUnavailableError as error:
        raise FormError({"coins": _unavailable_words(error)}) from error
    except TooManyCoinsError as error:
        raise FormError({"": _too_many_words(error)}) from error
    by_outpoint = {coin.outpoint: coin for coin in purse.coins}
    spent = tuple(by_outpoint[each.outpoint] for each in selection.coins)
    return Plan(order, purse, selection, spent)


def _select(candidates: list[Candidate], request: Request, order: Order) -> Selection:
    if order.everything is not None:
        return select_all(candidates, request, order.everything.script)
    rng = Random(_SEED)  # noqa: S311 - nobody gains by foreseeing it
    try:
        return select(candidates, request, rng)
    except InsufficientFundsError:
        # Coins on their way from others are spent only where nothing else will do.
        return select(candidates, replace(request, foreign_pending=True), rng)


def _candidate(coin: OwnedCoin, size: InputSize, snapshot: Snapshot) -> Candidate:
    return Candidate(coin.txid, coin.vout, coin.value, coin.script, size, _trust(coin, snapshot))


def _trust(coin: OwnedCoin, snapshot: Snapshot) -> Trust:
    if coin.height is not None:
        return Trust.CONFIRMED
    ours = any(movement.sent for movement in snapshot.pending_of(coin.txid))
    return Trust.OWN_PENDING if ours else Trust.FOREIGN_PENDING


def _rest_row(order: Order) -> int:
    return order.everything.row if order.everything else 0


def _dust_words(least: int) -> str:
    return str(_("Too little: nodes pass on %(least)s or more here.", least=amount_text(least)))


def _shortfall(order: Order, purse: Purse, needed: int) -> dict[str, str]:
    field = f"amount-{order.payments[0].row}" if len(order.payments) == 1 else ""
    if order.coins:
        chosen = sum(coin.value for coin in purse.coins if coin.outpoint in order.coins)
        return {
            "coins": _(
                "The chosen coins hold %(found)s; with the fee %(needed)s are needed.",
                found=amount_text(chosen),
                needed=amount_text(needed),
            )
        }
    text = _(
        "There is not enough: with the fee %(needed)s are needed, and %(found)s can be spent.",
        needed=amount_text(needed),
        found=amount_text(purse.spendable),
    )
    held = sum(coin.value for coin in purse.coins if coin.outpoint in purse.held)
    if held:
        text += " " + _("%(amount)s more are frozen or held by drafts.", amount=amount_text(held))
    if purse.immature:
        text += " " + _(
            "%(amount)s were mined too lately to be spent.", amount=amount_text(purse.immature)
        )
    return {field: text}


def _unavailable_words(error: CoinUnavailableError) -> str:
    txid, vout = error.outpoint
    name = f"{hash_hex(txid)[:8]}…:{vout}"
    if error.frozen:
        return str(_("The coin %(coin)s is frozen, or a signed draft spends it.", coin=name))
    return str(_("The coin %(coin)s is not there any more: it was spent meanwhile.", coin=name))


def _too_many_words(error: TooManyCoinsError) -> str:
    return str(
        _(
            "It would take %(count)s coins, more than fit into one transaction. Send less at once.",
            count=error.coins,
        )
    )
