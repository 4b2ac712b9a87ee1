"""Short references that people read to each other ("7F3K"): a subject's number, scrambled, in Crockford's base 32.

Both ways without a table: the number gives the reference and the reference gives the number. Neighbouring numbers look
unlike each other, so that a misheard character names nothing rather than the neighbour.
"""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_FACTOR = 0x9E3779B1  # odd, hence invertible modulo every power of two
_OFFSET = 0x5BD1E
_SHORTEST = 4


def reference_of(number: int) -> str:
    """The reference of a subject's number (1 or more): four characters up to a million subjects, then five, and so on."""
    length = _length(number)
    size = 32**length
    value = (number * _FACTOR + _OFFSET) % size
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in reversed(range(length)))


def number_of(reference: str) -> int | None:
    """The number behind a reference, or None when it is none. Case, and O for 0 or I and L for 1, do not matter."""
    text = reference.strip().upper() if reference.isascii() else ""
    if len(text) < _SHORTEST or len(text) > 12 or any(char not in _VALUES for char in text):
        return None
    value = 0
    for char in text:
        value = value * 32 + _VALUES[char]
    size = 32 ** len(text)
    number = ((value - _OFFSET) * pow(_FACTOR, -1, size)) % size
    return number if number > 0 and _length(number) == len(text) else None


def _length(number: int) -> int:
    length = _SHORTEST
    while number >= 32**length:
        length += 1
    return length
