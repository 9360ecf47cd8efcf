"""Password hashes: their parameters, what they tell, and how many are made at a time."""

import threading
import time

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from webapp.accounts import passwords, users


def test_the_parameters_are_those_of_rfc_9106_for_little_memory() -> None:
    stored = passwords.hash_password("correct horse battery")
    parameters = extract_parameters(stored)
    assert parameters.type is Type.ID
    assert (parameters.memory_cost, parameters.time_cost, parameters.parallelism) == (65536, 3, 4)
    assert (parameters.salt_len, parameters.hash_len) == (16, 32)
    assert passwords.verify_password(stored, "correct horse battery")
    assert not passwords.verify_password(stored, "correct horse batterz")
    assert not passwords.is_outdated(stored)
    assert extract_parameters(passwords.nobodys_hash()) == parameters


def test_an_older_hash_is_outdated() -> None:
    assert passwords.is_outdated(PasswordHasher(time_cost=2).hash("x"))


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$$"])
def test_what_is_no_hash_opens_for_nobody(stored: str | None) -> None:
    for password in ("", "x", str(stored)):
        assert not passwords.verify_password(stored, password)


def test_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[int] = []
    seen: list[int] = []

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            running.append(1)
            seen.append(len(running))
            time.sleep(0.02)
            running.pop()
            return ""

    monkeypatch.setattr(passwords, "hasher", Slow())
    threads = [threading.Thread(target=passwords.hash_password, args=("x",)) for _each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) == 2


@pytest.mark.parametrize("password", ["", "123456789", "x" * 257])
def test_too_short_and_too_long_are_refused(password: str) -> None:
    with pytest.raises(users.AccountError):
        users.checked_password(password)
