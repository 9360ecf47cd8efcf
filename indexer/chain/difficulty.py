"""Compact bits, the target they stand for, and the difficulty that is."""


def target_of(bits: int) -> int:
    """The target that compact bits stand for; 0 where they are negative or overflow."""
    exponent, mantissa = bits >> 24, bits & 0x7FFFFF
    if bits & 0x800000 or mantissa.bit_length() + 8 * (exponent - 3) > 256:
        return 0
    return mantissa << 8 * (exponent - 3) if exponent > 3 else mantissa >> 8 * (3 - exponent)


def difficulty_of(bits: int) -> float:
    """Relative to bits 0x1d00ffff; infinite for a target of 0."""
    target = target_of(bits)
    return target_of(0x1D00FFFF) / target if target else float("inf")
