"""Calls in a thread of their own: playwright keeps an event loop running in the main one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_own_thread(call: Callable[[], T]) -> T:
    """Its result, or what it raised; asyncio.run() works inside."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(call).result()
