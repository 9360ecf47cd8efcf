"""Password hashes: Argon2id, a few at a time, renewed where the parameters have moved on."""

import secrets
import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10  # characters; NIST SP 800-63B asks for 8 and no rules beside
MAX_LENGTH = 256  # what a longer one would add is only work for us

# RFC 9106's second choice. A sign-in costs this much memory: so many at a time per process.
hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4)
_at_a_time = threading.BoundedSemaphore(2)


def hash_password(password: str) -> str:
    with _at_a_time:
        return hasher.hash(password)


def verify_password(stored: str | None, password: str) -> bool:
    """Whether it is the one that was hashed. Takes as long where there is none to compare with."""
    try:
        with _at_a_time:
            hasher.verify(stored or nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """True where the parameters were others than today's."""
    return hasher.check_needs_rehash(stored)


@cache
def nobodys_hash() -> str:
    return hasher.hash(secrets.token_urlsafe())
