"""Scripts in words as Esplora's clients know them: every push named with its length."""

from typing import Final

from indexer.chain.opcodes import (
    OP_1,
    OP_1NEGATE,
    OP_16,
    OP_CHECKLOCKTIMEVERIFY,
    OP_CHECKSEQUENCEVERIFY,
    OP_CHECKSIGADD,
    OP_PUSHDATA1,
    OP_PUSHDATA2,
    OP_PUSHDATA4,
    opcode_name,
)

_LAST_OPCODE: Final = 0xFF
_NAMES: Final[dict[int, str]] = {
    0: "OP_0",
    OP_PUSHDATA1: "OP_PUSHDATA1",
    OP_PUSHDATA2: "OP_PUSHDATA2",
    OP_PUSHDATA4: "OP_PUSHDATA4",
    OP_1NEGATE: "OP_PUSHNUM_NEG1",
    OP_CHECKLOCKTIMEVERIFY: "OP_CLTV",
    OP_CHECKSEQUENCEVERIFY: "OP_CSV",
    _LAST_OPCODE: "OP_INVALIDOPCODE",
    **{length: f"OP_PUSHBYTES_{length}" for length in range(1, OP_PUSHDATA1)},
    **{opcode: f"OP_PUSHNUM_{opcode - OP_1 + 1}" for opcode in range(OP_1, OP_16 + 1)},
    **{opcode: f"OP_RETURN_{opcode}" for opcode in range(OP_CHECKSIGADD + 1, _LAST_OPCODE)},
}


def esplora_asm(script: bytes) -> str:
    """Opcodes by name, pushed bytes in hexadecimal behind theirs; a script cut short says so."""
    text = ""
    position = 0
    while position < len(script):
        opcode = script[position]
        position += 1
        length = opcode if opcode < OP_PUSHDATA1 else 0
        if OP_PUSHDATA1 <= opcode <= OP_PUSHDATA4:
            width = 1 << (opcode - OP_PUSHDATA1)
            if position + width > len(script):
                return text + "<unexpected end>"
            length = int.from_bytes(script[position : position + width], "little")
            position += width
        text += (" " if text else "") + _NAMES.get(opcode, opcode_name(opcode))
        if not length:
            continue
        if position + length > len(script):
            return text + " <push past end>"
        text += " " + script[position : position + length].hex()
        position += length
    return text
