"""Attributes: the values that each call of a prompt is given, balanced over the calls of a label."""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

ROUNDS = 4


def draw(attributes: Mapping[str, Any], *, label: str, place: int, seed: int) -> dict[str, str]:
    """The values of a label's call number `place` (0, 1, ...), by attribute name; an attribute without values is left out.

    Over a label's calls every combination of values comes once before any comes again, in an order that the seed and
    the label set, and no list of all combinations is made. Windows of as many calls as the longest attribute has values
    use each of them once, and each value of a shorter one equally often give or take one: a few calls already cover
    every attribute.
    """
    axes = {name: list(values) for name in attributes if (values := values_of(attributes[name], label=label))}
    if not axes:
        return {}
    names = sorted(axes, key=lambda name: (-len(axes[name]), name))
    sizes = [len(axes[name]) for name in names]
    cycle, inside = divmod(place, math.prod(sizes))
    window, step = divmod(inside, sizes[0])
    key = f"{seed}/{label}/{cycle}"
    window = _shuffled(window, size=math.prod(sizes[1:]), key=f"{key}/windows")
    step = _shuffled(step, size=sizes[0], key=f"{key}/{window}")
    digits = _digits(window * sizes[0] + step, sizes)
    drawn = {
        name: axes[name][_shuffled(digit, size=size, key=f"{key}/{name}")]
        for name, digit, size in zip(names, digits, sizes, strict=True)
    }
    return {name: drawn[name] for name in attributes if name in drawn}


def values_of(given: Any, *, label: str) -> Sequence[str]:
    """The values of one attribute for a label; empty when it has none for that label."""
    found: Sequence[str] = given.get(label, ()) if isinstance(given, Mapping) else given
    return found


def combinations(attributes: Mapping[str, Any], *, label: str) -> int:
    """How many different calls the attributes make for a label; 1 without attributes."""
    return math.prod(len(values) for given in attributes.values() if (values := values_of(given, label=label)))


def _digits(number: int, sizes: Sequence[int]) -> list[int]:
    """Combination `number` of a grid, one digit an axis: all digits turn by one at each step, as wheels do.

    Two wheels of sizes p and n that turn together meet again after lcm(p, n) steps; one of them is then moved on by one
    more. So each combination comes once in p * n steps, and both wheels go round evenly on the way.
    """
    digits = []
    period = 1
    for size in sizes:
        inside = number % (period * size)
        digits.append((inside + inside // math.lcm(period, size)) % size)
        period *= size
    return digits


def _shuffled(place: int, *, size: int, key: str) -> int:
    """Entry `place` of a random order of range(size), without making the order.

    Each round is one-to-one on the numbers of so many bits; a number that is not below `size` is sent through again.
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
