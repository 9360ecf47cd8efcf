"""What the signatures of a PSBT's inputs commit to."""

from hashlib import sha256
from typing import NamedTuple

from indexer.chain import script as scripts
from indexer.chain.encoding import TxOutput, hash160
from indexer.chain.script import ScriptType, classify
from wallet.psbt import InputMap, Psbt
from wallet.psbt_fields import InputField, PsbtError, Scope, name_of
from wallet.sighash import Sighash


class Signed(NamedTuple):
    """How an input is signed: the script that its ECDSA signatures cover, None for taproot."""

    code: bytes | None
    segwit: bool


def how_signed(spent: TxOutput, its_fields: InputMap, number: int) -> Signed:
    """PsbtError if a script that the output names by its hash is missing or another."""
    kind = classify(spent.script)
    if kind is ScriptType.P2TR:
        return Signed(None, segwit=True)
    if kind is not ScriptType.P2SH:
        return _of_script(spent.script, kind, its_fields, number)
    redeem = its_fields.redeem_script
    if redeem is None or scripts.p2sh(hash160(redeem)) != spent.script:
        field = name_of(Scope.INPUT, InputField.REDEEM_SCRIPT, number)
        raise PsbtError(field, "it is missing, or not the one whose hash is in the output")
    return _of_script(redeem, classify(redeem), its_fields, number)


def _of_script(script: bytes, kind: ScriptType, its_fields: InputMap, number: int) -> Signed:
    if kind is ScriptType.P2WPKH:
        return Signed(scripts.p2pkh(script[2:]), segwit=True)
    if kind is not ScriptType.P2WSH:
        return Signed(script, segwit=False)
    code = its_fields.witness_script
    if code is None or scripts.p2wsh(sha256(code).digest()) != script:
        field = name_of(Scope.INPUT, InputField.WITNESS_SCRIPT, number)
        raise PsbtError(field, "it is missing, or not the one whose hash is in the output")
    return Signed(code, segwit=True)


class Digests:
    """The digests of one PSBT's inputs."""

    def __init__(self, psbt: Psbt) -> None:
        self.psbt = psbt
        self.spent = [psbt.spent(number) for number in range(len(psbt.inputs))]
        self._sighash = Sighash(psbt.tx, [output or TxOutput(0, b"") for output in self.spent])

    def spent_by(self, number: int) -> TxOutput:
        """The output an input spends; PsbtError if the PSBT does not hold it."""
        spent = self.spent[number]
        if spent is None:
            field = name_of(Scope.INPUT, InputField.WITNESS_UTXO, number)
            raise PsbtError(field, "what the input spends is missing")
        return spent

    def ecdsa(self, number: int, hash_type: int) -> bytes:
        signed = how_signed(self.spent_by(number), self.psbt.inputs[number], number)
        if signed.code is None:
            field = name_of(Scope.INPUT, InputField.PARTIAL_SIG, number)
            raise PsbtError(field, "a taproot output takes no such signature")
        if not signed.segwit and self.psbt.inputs[number].previous is None:
            field = name_of(Scope.INPUT, InputField.NON_WITNESS_UTXO, number)
            raise PsbtError(field, "it is missing, and the input is not of segwit")
        digest = self._sighash.segwit_v0 if signed.segwit else self._sighash.legacy
        return digest(number, signed.code, hash_type)

    def taproot(self, number: int, hash_type: int) -> bytes:
        """For a spend by the output's key."""
        for each in range(len(self.spent)):
            self.spent_by(each)
        return self._sighash.taproot(number, hash_type)
