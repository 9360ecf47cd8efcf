"""How large an input of a wallet will be, by who signs it."""

from wallet.descriptor import DerivedOutput
from wallet.fees import InputSize
from wallet.satisfaction import LARGEST_ECDSA, input_size_of
from webapp.wallets.snapshot import Snapshot


def input_size(snapshot: Snapshot, output: DerivedOutput) -> InputSize:
    """Of the signed input. Our own signers make short signatures, others may not."""
    if snapshot.wallet.kind == "watch":
        return input_size_of(output, LARGEST_ECDSA)
    return input_size_of(output)
