"""Bitcoin Core's validation engine (libbitcoinkernel) in this process, on regtest only."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path

import pbk
import pbk.capi.bindings as kernel
from pbk.script import PrecomputedTransactionData

from indexer.node.base import BlockRef, NodeError, NodeUnavailableError, SpentOutput

_REJECTION = re.compile(r"Block validation error: (.*)|AcceptBlock FAILED \((.*)\)")

_ALL_FLAGS = pbk.ScriptVerificationFlags.ALL


class BlockRejectedError(NodeError):
    """The engine found a block invalid; `reason` is Bitcoin Core's, as "bad-cb-amount, ..."."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Block rejected: {reason}")
        self.reason = reason


class EngineDamagedError(NodeError):
    """The engine's directory cannot be opened, or holds a chain unknown to its owner."""


class _EngineLog:
    """What the engine logs, by thread: it tells why it refused a block in no other way."""

    def __init__(self) -> None:
        self._lines = threading.local()
        self._connection = pbk.LoggingConnection(self._receive)

    def _receive(self, message: str) -> None:
        lines: list[str] | None = getattr(self._lines, "captured", None)
        if lines is not None:
            lines.append(message)

    def start(self) -> None:
        self._lines.captured = []

    def stop(self) -> list[str]:
        lines: list[str] = self._lines.captured
        self._lines.captured = None
        return lines


_log: _EngineLog | None = None
_log_lock = threading.Lock()


def _engine_log() -> _EngineLog:
    """The connection is one for the whole process and lives as long as it."""
    global _log  # noqa: PLW0603
    with _log_lock:
        if _log is None:
            _log = _EngineLog()
    return _log


class Engine:
    """One chain state in one directory. Not thread-safe; never fork a process that has one open.

    What was accepted since it was opened is lost when the process is killed: it is written out
    on close only.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._log = _engine_log()
        self._manager: pbk.ChainstateManager | None = None
        self._open()

    def _open(self) -> None:
        directory = self._directory.resolve()
        directory.mkdir(parents=True, exist_ok=True)
        options = pbk.ChainstateManagerOptions(
            pbk.make_context(pbk.ChainType.REGTEST), str(directory), str(directory / "blocks")
        )
        self._log.start()
        try:
            self._manager = pbk.ChainstateManager(options)
        except RuntimeError as error:
            lines = self._log.stop()
            reason = next((line for line in lines if "[error]" in line), str(error)).strip()
            raise EngineDamagedError(f"The engine cannot open {directory}: {reason}") from error
        self._log.stop()

    def close(self) -> None:
        """Write everything out and free the directory."""
        if self._manager is not None:
            self._manager.__exit__(None, None, None)
            self._manager = None

    def reopen(self) -> None:
        """Write everything out, so that a kill has little to lose."""
        self.close()
        self._open()

    @property
    def manager(self) -> pbk.ChainstateManager:
        if self._manager is None:
            raise NodeUnavailableError("The validation engine is closed.")
        return self._manager

    def tip(self) -> BlockRef:
        chain = self.manager.get_active_chain()
        entry = chain.block_tree_entries[chain.height]
        return BlockRef(entry.height, bytes(entry.block_hash))

    def knows(self, block_hash: bytes) -> bool:
        return pbk.BlockHash(block_hash) in self.manager.block_tree_entries

    def submit(self, raw: bytes, block_hash: bytes) -> None:
        """Validate and keep a block, whether it extends the best chain or a side branch.

        BlockRejectedError tells why the engine refused it, or the branch it completes.
        """
        # pbk.Block(raw) would copy byte by byte.
        pointer = kernel.btck_block_create(raw, len(raw))
        if not pointer:
            raise BlockRejectedError("block-decode-failed")
        block = pbk.Block._from_handle(pointer)
        self._log.start()
        failed = False
        try:
            self.manager.process_block(block)
        except pbk.ProcessBlockException:
            failed = True
        finally:
            lines = self._log.stop()
        if self.tip().hash == block_hash:
            return
        reasons = [found[1] or found[2] for line in lines if (found := _REJECTION.search(line))]
        if reasons or failed:
            raise BlockRejectedError(reasons[0] if reasons else "unknown reason")

    def genesis(self) -> bytes:
        """The first block, serialised."""
        chain = self.manager.get_active_chain()
        return bytes(self.manager.blocks[chain.block_tree_entries[0]])

    def spent_outputs(self, block_hash: bytes) -> list[list[SpentOutput]] | None:
        """What each transaction but the coinbase spends; None for a block never connected."""
        try:
            entry = self.manager.block_tree_entries[pbk.BlockHash(block_hash)]
        except KeyError:
            return None
        if entry.height == 0:
            return []
        try:
            spent = self.manager.block_spent_outputs[entry]
        except RuntimeError:
            return None
        return [
            [
                SpentOutput(coin.output.amount, bytes(coin.output.script_pubkey))
                for coin in transaction.coins
            ]
            for transaction in spent.transactions
        ]


def failing_input(raw: bytes, spent: Sequence[SpentOutput]) -> int | None:
    """The first input whose scripts do not allow it to spend its output; None: all do.

    `raw` must be a well-formed transaction with as many inputs as there are spent outputs: the
    engine ends the process where they differ.
    """
    transaction = pbk.Transaction._from_handle(kernel.btck_transaction_create(raw, len(raw)))
    assert len(transaction.inputs) == len(spent)
    scripts = [
        pbk.ScriptPubkey._from_handle(
            kernel.btck_script_pubkey_create(each.script, len(each.script))
        )
        for each in spent
    ]
    outputs = [
        pbk.TransactionOutput(script, each.value)
        for script, each in zip(scripts, spent, strict=True)
    ]
    precomputed = PrecomputedTransactionData(transaction, outputs)
    for position, script in enumerate(scripts):
        value = spent[position].value
        if not script.verify(value, transaction, precomputed, position, _ALL_FLAGS):
            return position
    return None


def _script(script: bytes) -> pbk.ScriptPubkey:
    return pbk.ScriptPubkey._from_handle(kernel.btck_script_pubkey_create(script, len(script)))
