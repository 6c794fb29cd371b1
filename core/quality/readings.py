"""Describe a task's quality measures in words: names of measures, and sentences with numbers and n."""

import math
from collections.abc import Callable

from core.quality import measures as kept_measures
from core.quality.measures import ArmMeasures, Measures
from core.wording import counted, percent

NAMES = {
    "remote_clique_cosine": "Remote clique (cosine)",
    "remote_clique_angular": "Remote clique (angular)",
    "chamfer_distance_cosine": "Chamfer distance (cosine)",
    "chamfer_distance_angular": "Chamfer distance (angular)",
    "frechet_distance": "Fréchet distance to real",
    "vendi_score": "Vendi score",
    "recall": "Recall of real texts",
    "mmd": "MMD to real",
    "compression_ratio": "Compression ratio",
    "separability": "Told apart from real (embeddings, accuracy)",
    "distinct_1": "Distinct-1",
    "distinct_2": "Distinct-2",
    "self_bleu": "Self-BLEU",
    "words_median": "Words per text (median)",
    "vocabulary": "Distinct words",
    "hd_d": "Vocabulary richness (HD-D)",
    "near_duplicates": "Near-duplicates (share)",
    "copies": "Copies of real texts (share)",
    "near_test": "Nearly a real test text (share)",
    "names_itself": "Holds its label's name (share)",
    "nearest_real": "Nearest to real (top-5 cosine)",
    "bag_of_words": "Words alone, real test (macro-F1)",
    "within": "Words alone, same arm (macro-F1)",
    "apart": "Told apart from real (words, AUC)",
}
SURE = 0.05  # cues with a lower q are counted
MANY = 0.1  # share of an arm's texts counted by characters from which a sentence says so
MARGIN = 0.1  # macro-F1 within the arm minus macro-F1 on real texts from which a sentence warns


def reading(measures: Measures) -> dict[str, list[str]]:
    """Sentences on the measures in the groups diversity, duplicates, copies, leakage, likeness; a group may be empty."""
    groups: dict[str, Callable[[ArmMeasures, ArmMeasures | None], str]] = {
        "diversity": _diversity,
        "duplicates": _duplicates,
        "copies": _copies,
        "leakage": _leakage,
        "likeness": _likeness,
    }
    real = kept_measures.real(measures)
    unknown = kept_measures.unknown_languages(measures)
    sentences = {
        name: [sentence for arm in measures.arms if (sentence := describe(arm, real))]
        for name, describe in groups.items()
    }
    if unknown:
        names = ", ".join(name for name, _ in unknown)
        sentences["diversity"] = [
            f"Diversity and likeness by meaning are not shown: the encoder {measures.encoder} does not know the language of {names}."
        ]
    by_characters = [arm.arm for arm in measures.arms if arm.by_characters >= MANY]
    if by_characters:
        sentences["diversity"].append(
            f"Words of {', '.join(by_characters)} were counted by characters, since the language has no blanks between words: "
            "compare these numbers with one another and not with those of other languages."
        )
    return sentences


def _diversity(arm: ArmMeasures, real: ArmMeasures | None) -> str:
    if arm is real:
        return ""
    if not arm.n_compared:
        return f"{arm.arm} has {counted(arm.n, 'text')}, too few to compare its diversity."
    if real is None or math.isnan(real.cosine.remote_clique.value):
        return f"{arm.arm}: remote clique {arm.cosine.remote_clique.value:.2f} on {arm.n_compared} texts; no real texts to compare."
    clique, real_clique = arm.cosine.remote_clique, real.cosine.remote_clique
    verdict = "about as diverse as"
    if clique.high < real_clique.low:
        verdict = "less diverse than"
    elif clique.low > real_clique.high:
        verdict = "more diverse than"
    chamfer, real_chamfer = arm.cosine.chamfer_distance.value, real.cosine.chamfer_distance.value
    return (
        f"{arm.arm} texts are {verdict} real texts (remote clique {clique.text()} against {real_clique.text()}, "
        f"Chamfer distance {chamfer:.2f} against {real_chamfer:.2f}, on {arm.n_compared} texts each)."
    )


def _duplicates(arm: ArmMeasures, _real: ArmMeasures | None) -> str:
    if not arm.n:
        return ""
    return (
        f"{arm.arm}: {len(arm.removable)} of {counted(arm.n, 'text')} ({percent(len(arm.removable) / arm.n, 1)}) nearly repeat an earlier "
        f"text; exact repeats rejected on arrival: {arm.exact_duplicates}."
    )


def _copies(arm: ArmMeasures, real: ArmMeasures | None) -> str:
    if not arm.n:
        return ""
    tested = f"{len(arm.near_test)} nearly equal a real test text"
    if arm is real:
        return f"{arm.arm}: {tested} (of {counted(arm.n, 'text')})." if arm.near_test else ""
    shown = sum(copy.shown for copy in arm.copies)
    return f"{arm.arm}: {len(arm.copies)} of {counted(arm.n, 'text')} copy a real text, {shown} of them a text in the prompt; {tested}."


def _leakage(arm: ArmMeasures, real: ArmMeasures | None) -> str:
    inside, outside = arm.within, arm.bag_of_words
    if math.isnan(inside.macro_f1.value) or math.isnan(outside.macro_f1.value):
        return f"{arm.arm}: {inside.note or outside.note}" if arm.n else ""
    sure = sum(cue.q < SURE for cue in arm.cues)
    sentence = (
        f"{arm.arm}: words alone reach macro-F1 {inside.macro_f1.value:.2f} within the arm (n {inside.n_test}) and "
        f"{outside.macro_f1.text()} on real test texts (n {outside.n_test}); {_cues(sure, len(arm.cues))}."
    )
    if arm is not real and inside.macro_f1.value - outside.macro_f1.high > MARGIN:
        which = "The words that give the labels away" if sure else "Its words taken together give the labels away"
        sentence += f" {which} in this arm{' do' if sure else ', and do'} not give them away in real texts."
    return f"{sentence} {outside.note}".strip()


def _cues(sure: int, listed: int) -> str:
    """How many of the listed words give a label away beyond chance, as the end of a sentence."""
    return (
        f"{sure} of {counted(listed, 'listed word')} give a label away beyond chance"
        if sure
        else "no single word gives a label away beyond chance"
    )


def _likeness(arm: ArmMeasures, real: ArmMeasures | None) -> str:
    if arm is real or math.isnan(arm.apart.auc):
        return ""
    sentence = (
        f"{arm.arm}: words alone tell its texts from real texts with AUC {arm.apart.auc:.2f} "
        f"(0.5 = not at all; n {arm.apart.n_synthetic} each)"
    )
    if arm.apart.auc < 0.5:
        sentence += ", and below 0.5 too: what the classifier learned was chance, and did not hold for other texts"
    if math.isnan(arm.nearest_real):
        return f"{sentence}."
    return f"{sentence}; a real text's 5 nearest texts of the arm have a mean cosine of {arm.nearest_real:.2f} (of {arm.n_nearest} texts)."
