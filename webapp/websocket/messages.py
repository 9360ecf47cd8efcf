"""What each connection is told of an update: common parts are composed once for all."""

from webapp.websocket.connection import Connection
from webapp.websocket.feed import ScriptNews, Update
from webapp.websocket.payloads import Parts, compose, listed, write


class Messages:
    """The messages of one update."""

    def __init__(self, update: Update) -> None:
        self._update = update
        self._common: dict[tuple[frozenset[str], int], list[str]] = {}

    def of(self, connection: Connection) -> list[str]:
        """In the order to send them in: a message per block, the last with the rest."""
        first = self._first_unknown_block(connection)
        own = self._own_parts(connection)
        if own:
            return self._compose(connection.subscriptions.wants, first, own)
        key = (connection.subscriptions.wants, first)
        if key not in self._common:
            self._common[key] = self._compose(*key, {})
        return self._common[key]

    def _first_unknown_block(self, connection: Connection) -> int:
        """The new blocks that the connection read by itself it is not told again."""
        known = connection.tip
        if known is None:
            return 0
        if known.generation >= self._update.tip.generation:
            return len(self._update.blocks)
        hashes = [block_hash for block_hash, _ in self._update.blocks]
        return hashes.index(known.hash) + 1 if known.hash in hashes else 0

    def _compose(self, wants: frozenset[str], first: int, own: Parts) -> list[str]:
        parts: Parts = {}
        messages = []
        if "blocks" in wants:
            for _, text in self._update.blocks[first:]:
                if parts:
                    messages.append(compose(parts))
                parts = {"block": text}
        for want in sorted(wants):
            parts |= self._update.parts.get(want, {})
        parts |= own
        return [*messages, compose(parts)] if parts else messages

    def _own_parts(self, connection: Connection) -> Parts:
        subscriptions = connection.subscriptions
        parts: Parts = {}
        if subscriptions.address is not None:
            news = self._update.script_news.get(subscriptions.address[1])
            parts |= {} if news is None else _address_parts(news)
        several = {
            address: self._update.script_news[script]
            for address, script in subscriptions.addresses.items()
            if script in self._update.script_news
        }
        if several:
            parts["multi-address-transactions"] = _several(several)
        if subscriptions.txid is not None:
            parts |= self._update.transaction_news.get(subscriptions.txid, {})
        return parts


def _address_parts(news: ScriptNews) -> Parts:
    named = {
        "address-transactions": news.pending,
        "block-transactions": news.confirmed,
        "address-removed-transactions": news.removed,
    }
    return {name: listed(texts) for name, texts in named.items() if texts}


def _several(news: dict[str, ScriptNews]) -> str:
    shapes = (
        f'{write(address)}:{{"mempool":{listed(each.pending)},"confirmed":{listed(each.confirmed)},'
        f'"removed":{listed(each.removed)}}}'
        for address, each in news.items()
    )
    return "{" + ",".join(shapes) + "}"
