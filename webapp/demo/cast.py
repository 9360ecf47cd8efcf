"""Who lives in the demo: a dozen people and businesses, each with an HD wallet."""

from dataclasses import dataclass
from enum import Enum, auto
from hashlib import sha256

from wallet.keys import Purpose
from wallet.seed import words_of_entropy


class Role(Enum):
    MINER = auto()
    EXCHANGE = auto()
    MERCHANT = auto()
    CHARITY = auto()
    SAVER = auto()
    PERSON = auto()
    CLUB = auto()
    NOTARY = auto()


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    role: Role
    purpose: Purpose


PIONEER = Member("Old Harriet", Role.MINER, Purpose.P2PKH)
POOL = Member("Granite Pool", Role.MINER, Purpose.P2WPKH)
TIDES = Member("Tern Mining", Role.MINER, Purpose.P2TR)
EXCHANGE = Member("Lakeside Exchange", Role.EXCHANGE, Purpose.P2WPKH)
BAKERY = Member("Corner Bakery", Role.MERCHANT, Purpose.P2SH_P2WPKH)
BOOKS = Member("Harbour Books", Role.MERCHANT, Purpose.P2TR)
HOSPICE = Member("Riverside Hospice", Role.CHARITY, Purpose.P2PKH)
AMIRA = Member("Amira", Role.SAVER, Purpose.P2TR)
BO = Member("Bo", Role.PERSON, Purpose.P2PKH)
CHEN = Member("Chen", Role.PERSON, Purpose.P2WPKH)
SOCIETY = Member("Allotment Society", Role.CLUB, Purpose.P2SH_P2WPKH)
NOTARY = Member("Parish Notary", Role.NOTARY, Purpose.P2WPKH)
FAUCET = Member("Faucet", Role.CHARITY, Purpose.P2WPKH)  # gives to visitors, deals with nobody

CAST = (
    PIONEER,
    POOL,
    TIDES,
    EXCHANGE,
    BAKERY,
    BOOKS,
    HOSPICE,
    AMIRA,
    BO,
    CHEN,
    SOCIETY,
    NOTARY,
)


def mnemonic_of(member: Member, seed: str) -> str:
    """The member's twelve words: the same in every demo with that seed, and worth nothing."""
    return words_of_entropy(sha256(f"{seed}/{member.name}".encode()).digest()[:16])
