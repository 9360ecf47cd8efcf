"""What a node tells of itself: versions, state, peers, fee estimates."""

from typing import Any, Final

from indexer.chain.network import Network
from indexer.node.answers import Record, as_list
from indexer.node.base import NodeInfo, Peer
from indexer.node.rpc import JsonRpc, RpcError

_AGENTS: Final = {
    "Satoshi": "Bitcoin Core",
    "LitecoinCore": "Litecoin Core",
    "Shibetoshi": "Dogecoin Core",
}
MAX_PEERS: Final = 200
# The targets people choose from; a node without data for one answers for the next it knows.
FEE_TARGETS: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 18, 24, 48, 72, 144, 288, 504, 1008)


def read_info(rpc: JsonRpc, network: Network, interfaces: tuple[str, ...]) -> NodeInfo:
    chain_answer, net_answer, pool_answer, peer_answer = rpc.batch(
        [
            ("getblockchaininfo", ()),
            ("getnetworkinfo", ()),
            ("getmempoolinfo", ()),
            ("getpeerinfo", ()),
        ]
    )
    chain = Record("getblockchaininfo", taken(chain_answer))
    net = Record("getnetworkinfo", taken(net_answer))
    pool = Record("getmempoolinfo", taken(pool_answer))
    height, headers = chain.integer("blocks"), chain.integer("headers")
    progress = min(1.0, max(0.0, chain.number("verificationprogress")))
    pruned = chain.has("pruned") and chain.flag("pruned")
    relay_fee = net.amount("relayfee", network.decimals)
    if pool.has("mempoolminfee"):  # rises above it while the mempool is full
        relay_fee = max(relay_fee, pool.amount("mempoolminfee", network.decimals))
    return NodeInfo(
        version=software_name(net.text("subversion")),
        network=network.name,
        height=height,
        headers=headers,
        # Dogecoin Core 1.14 does not say.
        initial_download=chain.flag("initialblockdownload")
        if chain.has("initialblockdownload")
        else headers - height > network.retarget_interval,
        progress=progress,
        pruned_height=first_height(chain) if pruned else None,
        size_on_disk=chain.integer("size_on_disk") if chain.has("size_on_disk") else None,
        relay_fee=relay_fee,
        interfaces=interfaces,
        peers=_peers(peer_answer),
        warnings=tuple(dict.fromkeys((*chain.texts("warnings"), *net.texts("warnings")))),
    )


def first_height(chain: Record) -> int:
    """The first block a pruned node still has, from getblockchaininfo."""
    return chain.integer("pruneheight") if chain.has("pruneheight") else 0


def taken(answer: Any) -> Any:
    """A batch's answer, its refusal raised."""
    if isinstance(answer, RpcError):
        raise answer
    return answer


def software_name(subversion: str) -> str:
    """'/LitecoinCore:0.21.2.1/' -> 'Litecoin Core 0.21.2.1'."""
    first = subversion.strip("/").split("/")[0]
    name, _, version = first.partition(":")
    return f"{_AGENTS.get(name, name)} {version.partition('(')[0]}".strip()


def read_fee_estimates(rpc: JsonRpc, network: Network) -> dict[int, int]:
    """Blocks to wait -> smallest unit per 1000 vbytes, as far as the node has an idea."""
    answers = rpc.batch([("estimatesmartfee", (target,)) for target in FEE_TARGETS])
    estimates = {}
    for answer in answers:
        if isinstance(answer, RpcError):  # this node does not look so far ahead
            continue
        estimate = Record("estimatesmartfee", answer)
        if not estimate.has("feerate"):
            continue
        rate = estimate.amount("feerate", network.decimals)
        if rate > 0:
            estimates[estimate.integer("blocks")] = rate
    return estimates


def _peers(answer: Any) -> tuple[Peer, ...]:
    if isinstance(answer, RpcError):  # a login may be limited to other methods
        return ()
    peers = []
    for each in as_list("getpeerinfo", answer)[:MAX_PEERS]:
        peer = Record("getpeerinfo", each)
        heights = [
            peer.integer(key)
            for key in ("synced_blocks", "synced_headers", "startingheight")
            if peer.has(key)
        ]
        peers.append(
            Peer(
                address=peer.text("addr"),
                version=peer.text("subver").strip("/"),
                inbound=peer.flag("inbound"),
                height=max(heights, default=-1),
            )
        )
    return tuple(peers)
