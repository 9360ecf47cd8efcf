"""A wallet of the Bitcoin Dev Kit, which we did not write, on a chain of ours."""

from hashlib import sha256

import bdkpython as bdk

FEE_RATE = 3  # per vbyte


class BdkWallet:
    """Segwit v0, its keys drawn from `name`, nothing kept on disk."""

    def __init__(self, name: str) -> None:
        mnemonic = bdk.Mnemonic.from_entropy(sha256(name.encode()).digest()[:16])
        root = bdk.DescriptorSecretKey(bdk.NetworkKind.TEST, mnemonic, None)
        receive, change = (
            bdk.Descriptor.new_bip84(root, keychain, bdk.NetworkKind.TEST)
            for keychain in (bdk.KeychainKind.EXTERNAL, bdk.KeychainKind.INTERNAL)
        )
        persister = bdk.Persister.new_in_memory()
        self.wallet = bdk.Wallet(receive, change, bdk.Network.REGTEST, persister)

    def address(self) -> str:
        """A new one to be paid to."""
        return str(self.wallet.reveal_next_address(bdk.KeychainKind.EXTERNAL).address)

    def pay(self, address: str, amount: int) -> bdk.Transaction:
        """Signed, not sent."""
        script = bdk.Address(address, bdk.Network.REGTEST).script_pubkey()
        psbt = (
            bdk.TxBuilder()
            .add_recipient(script, bdk.Amount.from_sat(amount))
            .fee_rate(bdk.FeeRate.from_sat_per_vb(FEE_RATE))
            .finish(self.wallet)
        )
        assert self.wallet.sign(psbt)
        return psbt.extract_tx()

    @property
    def confirmed(self) -> int:
        return self.wallet.balance().confirmed.to_sat()

    @property
    def total(self) -> int:
        return self.wallet.balance().total.to_sat()

    def confirmation_height(self, txid: str) -> int | None:
        """None while it waits, and for what the wallet does not know."""
        for each in self.wallet.transactions():
            if str(each.transaction.compute_txid()) == txid:
                position = each.chain_position
                if position.is_confirmed():
                    return int(position.confirmation_block_time.block_id.height)
        return None
