"""What a signed message turned out to be."""

from enum import StrEnum
from typing import NamedTuple


class SignatureFormat(StrEnum):
    LEGACY = "legacy"
    SIMPLE = "simple"
    FULL = "full"
    PROOF_OF_FUNDS = "proof_of_funds"


class Verdict(StrEnum):
    VALID = "valid"
    INVALID = "invalid"
    INCONCLUSIVE = "inconclusive"  # neither could be shown


class Problem(StrEnum):
    """Why a verdict is not VALID."""

    ENCODING = "encoding"
    SIGNATURE = "signature"
    OTHER_MESSAGE = "other_message"
    OTHER_ADDRESS = "other_address"
    NOT_FOR_ADDRESS = "not_for_address"
    SCRIPT = "script"
    PROOF_OF_FUNDS = "proof_of_funds"
    VERSION = "version"


class Verification(NamedTuple):
    """The verdict; a full signature may say from which locktime and age on it holds."""

    verdict: Verdict
    format: SignatureFormat | None
    problem: Problem | None = None
    locktime: int = 0
    sequence: int = 0


def invalid(form: SignatureFormat | None, problem: Problem) -> Verification:
    return Verification(Verdict.INVALID, form, problem)


def inconclusive(form: SignatureFormat, problem: Problem) -> Verification:
    return Verification(Verdict.INCONCLUSIVE, form, problem)
