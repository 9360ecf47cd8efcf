"""Secrets of this install, each in a file of data_directory: made once, readable by us alone."""

import secrets
from pathlib import Path

KEY_BYTES = 32


def shared_key(path: Path) -> bytes:
    """The key that all processes of this directory share, made by the first of them.

    Raises OSError where it can be neither read nor written.
    """
    if not path.exists():
        _make_key(path)
    return path.read_bytes()


def _make_key(path: Path) -> None:
    """Whole or not at all, and only once, however many processes start together."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    partial.touch(mode=0o600, exist_ok=False)
    try:
        partial.write_bytes(secrets.token_bytes(KEY_BYTES))
        path.hardlink_to(partial)
    except FileExistsError:
        return  # another process was first
    finally:
        partial.unlink()
