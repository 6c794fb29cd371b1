"""Independent implementations of the rater statistics with plain loops over items and pairs: slow, for tests only."""

import math
from collections import Counter, defaultdict

import pandas as pd

STOP, ROUNDS = 1e-8, 1000


def units(ratings: pd.DataFrame, *, number: bool = False) -> dict[str, list]:
    found = defaultdict(list)
    for item, label in zip(ratings["item_id"], ratings["label"], strict=True):
        found[item].append(float(label) if number else label)
    return dict(found)


def alpha(ratings: pd.DataFrame, level: str) -> float:
    """Krippendorff's alpha from the coincidence matrix."""
    pairable = [labels for labels in units(ratings, number=level != "nominal").values() if len(labels) > 1]
    coincidences: dict[tuple, float] = defaultdict(float)
    for labels in pairable:
        for place, one in enumerate(labels):
            for other_place, other in enumerate(labels):
                if place != other_place:
                    coincidences[one, other] += 1 / (len(labels) - 1)
    n_c: dict[object, float] = defaultdict(float)
    for (one, _), value in coincidences.items():
        n_c[one] += value
    n, order = sum(n_c.values()), sorted(n_c)

    def apart(one: object, other: object) -> float:
        if level == "nominal":
            return float(one != other)
        if level == "interval":
            return (one - other) ** 2
        low, high = sorted((order.index(one), order.index(other)))
        return (sum(n_c[order[g]] for g in range(low, high + 1)) - (n_c[one] + n_c[other]) / 2) ** 2

    observed = sum(value * apart(*pair) for pair, value in coincidences.items() if pair[0] != pair[1])
    expected = sum(n_c[one] * n_c[other] * apart(one, other) for one in order for other in order if one != other)
    return 1 - (n - 1) * observed / expected


def percent_agreement(ratings: pd.DataFrame) -> float:
    shares = []
    for labels in units(ratings).values():
        pairs = [(a, b) for a in range(len(labels)) for b in range(a)]
        if pairs:
            shares.append(sum(labels[a] == labels[b] for a, b in pairs) / len(pairs))
    return sum(shares) / len(shares)


def fleiss_kappa(ratings: pd.DataFrame) -> float:
    pairable = [labels for labels in units(ratings).values() if len(labels) > 1]
    shares: Counter = Counter()
    for labels in pairable:
        for label, count in Counter(labels).items():
            shares[label] += count / len(labels) / len(pairable)
    chance = sum(share**2 for share in shares.values())
    return (percent_agreement(ratings) - chance) / (1 - chance)


def entropies(ratings: pd.DataFrame) -> dict[str, float]:
    return {
        item: -sum(c / len(labels) * math.log2(c / len(labels)) for c in Counter(labels).values())
        for item, labels in units(ratings).items()
    }


def majority_agreement(ratings: pd.DataFrame) -> float:
    shares = [max(Counter(labels).values()) / len(labels) for labels in units(ratings).values() if len(labels) > 1]
    return sum(shares) / len(shares)


def _shares(ratings: pd.DataFrame) -> tuple[list[tuple], list, dict]:
    answers = list(zip(ratings["item_id"], ratings["rater_id"], ratings["label"], strict=True))
    labels = sorted({label for _, _, label in answers})
    chances = {}
    for item, given in units(ratings).items():
        chances[item] = {label: given.count(label) / len(given) for label in labels}
    return answers, labels, chances


def _normalised(logs: dict) -> dict:
    top = max(logs.values())
    total = sum(math.exp(value - top) for value in logs.values())
    return {label: math.exp(value - top) / total for label, value in logs.items()}


def _moved(old: dict, new: dict) -> float:
    return max(abs(old[item][label] - new[item][label]) for item in old for label in old[item])


def dawid_skene(ratings: pd.DataFrame) -> dict:
    """Dawid-Skene: item -> label -> probability, by the published steps, starting from the vote shares."""
    answers, labels, chances = _shares(ratings)
    for _ in range(ROUNDS):
        prevalence = {label: sum(one[label] for one in chances.values()) / len(chances) for label in labels}
        given: dict[tuple, float] = defaultdict(float)
        seen: dict[tuple, float] = defaultdict(float)
        for item, rater, label in answers:
            for true in labels:
                given[rater, true, label] += chances[item][true]
                seen[rater, true] += chances[item][true]
        logs = {item: {true: math.log(max(prevalence[true], 1e-300)) for true in labels} for item in chances}
        for item, rater, label in answers:
            for true in labels:
                rate = given[rater, true, label] / seen[rater, true] if seen[rater, true] else 0.0
                logs[item][true] += math.log(max(rate, 1e-300))
        updated = {item: _normalised(one) for item, one in logs.items()}
        moved, chances = _moved(chances, updated), updated
        if moved < STOP:
            break
    return chances


def _digamma(x: float) -> float:
    """Digamma function: by recurrence up to 20, then by the asymptotic series."""
    below = 0.0
    while x < 20:
        below -= 1 / x
        x += 1
    return below + math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


def mace(ratings: pd.DataFrame) -> tuple[dict, dict]:
    """MACE: item -> label -> probability, and rater -> expected competence, by variational steps."""
    answers, labels, chances = _shares(ratings)
    known = [chances[item][label] for item, _, label in answers]
    for _ in range(ROUNDS):
        knows, spams = defaultdict(lambda: 0.5), defaultdict(lambda: 0.5)
        habit: dict[tuple, float] = defaultdict(lambda: 10.0)
        for (_, rater, label), chance in zip(answers, known, strict=True):
            knows[rater] += chance
            spams[rater] += 1 - chance
            habit[rater, label] += 1 - chance
        know, spam, says = {}, {}, {}
        for rater in knows:
            know[rater], spam[rater] = math.exp(_digamma(knows[rater])), math.exp(_digamma(spams[rater]))
            total = _digamma(sum(habit[rater, label] for label in labels))
            says |= {(rater, label): math.exp(_digamma(habit[rater, label]) - total) for label in labels}
        logs = {item: dict.fromkeys(labels, 0.0) for item in chances}
        for item, rater, label in answers:
            for true in labels:
                logs[item][true] += math.log(know[rater] * (label == true) + spam[rater] * says[rater, label])
        updated = {item: _normalised(one) for item, one in logs.items()}
        known = [
            updated[item][label] * know[rater] / (know[rater] + spam[rater] * says[rater, label])
            for item, rater, label in answers
        ]
        moved, chances = _moved(chances, updated), updated
        if moved < STOP:
            break
    knows, spams = defaultdict(lambda: 0.5), defaultdict(lambda: 0.5)
    for (_, rater, _), chance in zip(answers, known, strict=True):
        knows[rater] += chance
        spams[rater] += 1 - chance
    return chances, {rater: knows[rater] / (knows[rater] + spams[rater]) for rater in knows}
