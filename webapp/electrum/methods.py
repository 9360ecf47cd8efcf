"""All methods that are answered from the index or by the node."""

from collections.abc import Callable
from typing import Any, Final

from webapp.electrum import (
    chain_methods,
    mempool_methods,
    script_methods,
    server_methods,
    transaction_methods,
)

# Each takes a Call and then the request's parameters, by position or by name.
METHODS: Final[dict[str, Callable[..., Any]]] = {
    "server.banner": server_methods.banner,
    "server.donation_address": server_methods.donation_address,
    "server.features": server_methods.features,
    "server.peers.subscribe": server_methods.peers_subscribe,
    "server.add_peer": server_methods.add_peer,
    "server.ping": server_methods.ping,
    "blockchain.block.header": chain_methods.block_header,
    "blockchain.block.headers": chain_methods.block_headers,
    "blockchain.estimatefee": mempool_methods.estimatefee,
    "blockchain.relayfee": mempool_methods.relayfee,
    "blockchain.scripthash.get_balance": script_methods.get_balance,
    "blockchain.scripthash.get_history": script_methods.get_history,
    "blockchain.scripthash.get_mempool": script_methods.get_mempool,
    "blockchain.scripthash.listunspent": script_methods.listunspent,
    "blockchain.transaction.broadcast": transaction_methods.broadcast,
    "blockchain.transaction.broadcast_package": transaction_methods.broadcast_package,
    "blockchain.transaction.get": transaction_methods.get,
    "blockchain.transaction.get_merkle": transaction_methods.get_merkle,
    "blockchain.transaction.id_from_pos": transaction_methods.id_from_pos,
    "mempool.get_fee_histogram": mempool_methods.get_fee_histogram,
    "mempool.get_info": mempool_methods.get_info,
}
