"""Draw the attribute values of each call, balanced over the calls of a label."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

ROUNDS = 4


def draw(attributes: Mapping[str, Any], *, label: str, place: int, seed: int) -> dict[str, str]:
    """The values of a label's call number `place` (0, 1, ...), by attribute name; attributes without values are left out.

    Over the calls of a label, every combination of values comes once before any combination comes again, in an order
    that depends on seed and label. A window is as many calls as the longest attribute has values: it holds each value of
    that attribute once, and the values of a shorter attribute equally often, give or take one. So a few calls already
    cover every attribute. No list of all combinations is made, as there may be up to 1000 to the power of 20.
    """
    values = {name: list(found) for name in attributes if (found := values_of(attributes[name], label=label))}
    if not values:
        return {}
    names = sorted(values, key=lambda name: (-len(values[name]), name))
    sizes = [len(values[name]) for name in names]
    cycle, inside = divmod(place, math.prod(sizes))
    window, step = divmod(inside, sizes[0])
    key = f"{seed}/{label}/{cycle}"
    window = _shuffled(window, size=math.prod(sizes[1:]), key=f"{key}/windows")
    step = _shuffled(step, size=sizes[0], key=f"{key}/{window}")
    digits = _digits(window * sizes[0] + step, sizes)
    drawn = {
        name: values[name][_shuffled(digit, size=size, key=f"{key}/{name}")]
        for name, digit, size in zip(names, digits, sizes, strict=True)
    }
    return {name: drawn[name] for name in attributes if name in drawn}


def values_of(attribute: Any, *, label: str) -> Sequence[str]:
    """The values of one attribute for a label; empty if the attribute has no values for that label.

    `attribute` is a list of values, or maps label names to lists of values.
    """
    found: Sequence[str] = attribute.get(label, ()) if isinstance(attribute, Mapping) else attribute
    return found


def combinations(attributes: Mapping[str, Any], *, label: str) -> int:
    """The number of combinations of attribute values for a label; 1 without attributes."""
    return math.prod(len(values) for axis in attributes.values() if (values := values_of(axis, label=label)))


def _digits(number: int, sizes: Sequence[int]) -> list[int]:
    """Combination `number` of a grid as one digit for each axis; every digit grows by one at each step, modulo its size.

    Two digits of sizes p and n that grow together have both returned to their start after lcm(p, n) steps; the second
    digit then skips one value. So each combination comes once in p * n steps, and each digit takes its values evenly.
    """
    digits = []
    period = 1
    for size in sizes:
        inside = number % (period * size)
        digits.append((inside + inside // math.lcm(period, size)) % size)
        period *= size
    return digits


def _shuffled(place: int, *, size: int, key: str) -> int:
    """Entry `place` of a random permutation of range(size), computed without listing the permutation.

    Each round permutes the numbers of `bits` bits; a result of `size` or more goes through the rounds again (cycle
    walking; Black and Rogaway, 2002).
    """
    bits = max(2, (size - 1).bit_length())
    mask = (1 << bits) - 1
    rng = random.Random(key)
    rounds = [(rng.randrange(1, mask + 1, 2), rng.randrange(mask + 1)) for _ in range(ROUNDS)]
    while True:
        for factor, shift in rounds:
            place = (place * factor + shift) & mask
            place ^= place >> (bits // 2)
        if place < size:
            return place
