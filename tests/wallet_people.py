"""Somebody with a wallet whose keys the test holds, and a client that is signed in as them."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from flask.testing import FlaskClient

from indexer.chain.address import address_of
from indexer.chain.network import Network
from tests.fixtures_site import Site
from wallet.descriptor import Descriptor
from wallet.keys import Account, Branch, KeyNode, Purpose
from webapp.accounts.users import User, add_user
from webapp.wallets.store import Kind, NewAccount, NewWallet, create_wallet


@dataclass
class Person:
    """`wallet_id` is of a wallet with one account, `account`, at `site`."""

    site: Site
    user: User
    wallet_id: int
    account: Account
    master: KeyNode

    @property
    def network(self) -> Network:
        return self.account.network

    @cached_property
    def client(self) -> FlaskClient:
        client = self.site.app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = self.user.get_id()
        return client

    @cached_property
    def descriptor(self) -> Descriptor:
        return _descriptor(self.master, self.account)

    def address(self, branch: Branch = Branch.RECEIVE, index: int = 0) -> str:
        address = address_of(self.descriptor.scripts(branch, index, 1)[0], self.network)
        assert address is not None
        return address

    def path(self, rest: str = "") -> str:
        return f"/wallets/{self.wallet_id}{rest}"


def settle(
    site: Site, name: str, purpose: Purpose = Purpose.P2WPKH, kind: Kind = "vault"
) -> Person:
    """Somebody new; the same name has the same keys everywhere."""
    network = site.node.network
    master = KeyNode.master(sha256(name.encode()).digest(), network)
    account = Account(master, network, purpose)
    new = NewWallet(
        name=f"{name}'s",
        kind=kind,
        fingerprint=master.fingerprint.hex(),
        birthday_height=0,
        accounts=(NewAccount(purpose, 0, _descriptor(master, account)),),
    )
    services = site.app.extensions["satchel"]
    with services.accounts.write() as connection:
        user = add_user(connection, name, None)
        wallet_id = create_wallet(connection, user.id, network, new)
    return Person(site, user, wallet_id, account, master)


def _descriptor(master: KeyNode, account: Account) -> Descriptor:
    path = account.path.replace("'", "h")
    return Descriptor.of_account(
        account.purpose, account.node.xpub, master.fingerprint, path, account.network
    )
