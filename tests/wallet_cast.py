"""The demo's members as wallets of ours: their descriptors, known from their words."""

from indexer.chain.network import Network
from wallet.descriptor import Descriptor
from wallet.keys import Account, KeyNode
from wallet.seed import seed_of_words
from webapp.demo.cast import Member, mnemonic_of
from webapp.demo.town import SEED


def descriptor_of(member: Member, network: Network) -> Descriptor:
    """The member's ordinary account."""
    master = KeyNode.master(seed_of_words(mnemonic_of(member, SEED)), network)
    account = Account(master, network, member.purpose)
    path = account.path.replace("'", "h")
    return Descriptor.of_account(
        member.purpose, account.node.xpub, master.fingerprint, path, network
    )


def fingerprint_of(member: Member, network: Network) -> str:
    return descriptor_of(member, network).keys[0].fingerprint.hex()


def account_of(member: Member, network: Network) -> dict[str, object]:
    return {
        "purpose": int(member.purpose),
        "account_index": 0,
        "descriptor": descriptor_of(member, network).text,
    }


def request_of(member: Member, network: Network, kind: str = "watch") -> dict[str, object]:
    """What the browser sends to have the member's wallet kept."""
    return {
        "name": member.name,
        "kind": kind,
        "fingerprint": fingerprint_of(member, network),
        "birthday_height": 0,
        "accounts": [account_of(member, network)],
    }
