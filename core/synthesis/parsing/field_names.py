"""Choose the field of JSON objects or of a table that holds the texts, by the names of all fields."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from core.synthesis.parsing.label_names import Names
from core.synthesis.parsing.pieces import FIELD, TEXT, Leaf


class Rank(IntEnum):
    """How likely a field holds the texts, by its name alone; `NEVER` for fields such as a label or an explanation."""

    NEVER = 0
    ASIDE = 1
    UNKNOWN = 2
    NUMBERED = 3
    TITLE = 4
    USUAL = 5
    LABEL_NAME = 6
    SURE = 7
    TEXT = 8


WORDS: dict[Rank, str] = {
    Rank.TEXT: "text texto texte testo tekst teks metin szöveg κείμενο текст 文本 文字 テキスト 텍스트 نص النص טקסט ข้อความ वाक्य पाठ",
    Rank.SURE: (
        "tweet sentence review sms utterance query question email mail post statement document passage paragraph phrase "
        "request command complaint tuit reseña resena oración oracion frase mensaje opinión pregunta consulta enunciado "
        "avis phrase énoncé satz beitrag nachricht aussage äußerung bewertung rezension kommentar frage anfrage avaliação "
        "avaliacao mensagem sentença pergunta recensione messaggio domanda zin bericht vraag recensie zdanie wiadomość "
        "recenzja opinia отзыв сообщение предложение комментарий вопрос обзор 评论 評論 句子 文章 发言 例文 文 レビュー 質問 "
        "문장 리뷰 질문 câu kalimat ulasan cümle yorum recension"
    ),
    Rank.USUAL: (
        "message example sample comment content body article news output headline item entry data line list result ejemplo "
        "exemple exemplo beispiel esempio voorbeeld przykład пример contenido contenu inhalt contenuto conteúdo comentario "
        "commentaire comentário 示例 例子 例 内容 예시"
    ),
    Rank.TITLE: "title subject heading título titulo titre titel titolo заголовок 标题 betreff asunto assunto oggetto objet",
    Rank.ASIDE: (
        "note notes thought thoughts analysis input context scenario situation description summary hint remark remarks"
    ),
    Rank.NEVER: (
        "explanation explanations explain reason reasons reasoning rationale justification why because evidence label labels "
        "class classes category categories sentiment emotion emotions intent intention topic topics tone mood style polarity "
        "id ids index idx number num no nr type kind genre lang language locale source original old author username handle "
        "persona date time timestamp score rating confidence probability length count tag tags keyword keywords hashtags emoji "
        "meta metadata status domain platform name explicación explicacion explication erklärung erklaerung begründung "
        "spiegazione explicação explicacao uitleg toelichting wyjaśnienie uzasadnienie объяснение пояснение обоснование причина "
        "解释 解釋 说明 説明 理由 原因 설명 이유 razón razon raison grund motivo justificación justificação etiqueta étiquette "
        "etichetta etikett rótulo rotulo categoría categoria catégorie kategorie klasse clase classe sentimiento sentimento "
        "stimmung gefühl emoción émotion emozione intención intenção absicht thema tema ton tono stil estilo idioma langue "
        "sprache lingua 标签 標籤 标注 情感 类别 類別 分类 ラベル 感情 カテゴリ 라벨 감정 분류 метка категория класс тональность "
        "açıklama etiket sebep penjelasan alasan nhãn التفسير تفسير شرح تصنيف הסבר תווית कारण व्याख्या लेबल förklaring "
        "forklaring selitys magyarázat vysvětlení explicație"
    ),
}


def _words_of(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


RANKS = {word: rank for rank, words in WORDS.items() for word in words.split()}
BEFORE = _words_of("generated new synthetic the rewritten revised final my user customer full short")
LABEL_FIELD = _words_of(
    "label labels class category sentiment emotion intent topic tone polarity answer etiqueta etichetta étiquette etikett "
    "rótulo categoría categoria catégorie kategorie klasse clase classe sentimiento sentimento 标签 標籤 标注 情感 类别 类別 "
    "分类 ラベル 感情 라벨 감정 метка категория класс etiket nhãn"
)
EARLIER = _words_of("original source old opposite other previous input")
LIST_KEY = re.compile(
    r"^(?:.*[_ ])?(?:texts|tweets|examples|sentences|reviews|headlines|messages|samples|comments|posts|items|list|data"
    r"|results|utterances|queries|questions|emails|statements|documents|textos|textes|entries|ejemplos|beispiele|sätze)$",
    re.IGNORECASE,
)
BESIDE_LIST = _words_of("tags labels keywords hashtags explanations reasons notes metadata meta categories topics")
LONGEST_NAME = 500  # characters; the search for a number at the end grows with their square
NUMBER = re.compile(r"[\s_#.-]*\d+\s*$")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
BETWEEN = re.compile(r"[\s_\-.:#/]+")


@dataclass
class Record:
    """The named strings of a JSON object or of a row of a table, and what `said` around them may name their label."""

    fields: list[tuple[str, Leaf]]
    said: tuple[str, ...] = ()


def rank(key: str, names: Names) -> Rank:
    """How likely the field `key` of an object holds a text."""
    stem = _without_number(key)
    words = _words(stem)
    if not words:
        return Rank.USUAL
    found = _rank_of_words(words)
    if found < Rank.SURE and names.is_name(stem):
        return Rank.LABEL_NAME
    return Rank.NUMBERED if found == Rank.UNKNOWN and len(stem) < len(key.strip()) else found


def rank_of_list(key: str, names: Names) -> Rank:
    """How likely the list under `key` holds the texts."""
    stem = _without_number(key)
    if LIST_KEY.match(stem):
        return Rank.SURE
    if set(_words(stem)) & BESIDE_LIST:
        return Rank.NEVER
    found = rank(key, names)
    return found if found >= Rank.NUMBERED else Rank.UNKNOWN


def names_label(key: str) -> bool:
    """Whether a field of this name says which label a text has; not so a field such as "original_label"."""
    words = _words(NUMBER.sub("", key.strip()))
    return bool(words) and words[-1] in LABEL_FIELD and not EARLIER & set(words)


def choose(records: Sequence[Record], names: Names) -> bool:
    """Give the role `TEXT` to the strings of one field of all records and `FIELD` to the rest; False if several could be it.

    A field under a well-known name goes before others, and the field of most records before one of fewer. Without a
    well-known name the texts are in the only field that is neither a label, nor an explanation, nor a number.
    """
    told = [_Told(key, leaf, rank(key, names), at) for at, record in enumerate(records) for key, leaf in record.fields]
    for one in told:
        one.leaf.role = FIELD
    best = max((one.rank for one in told), default=Rank.NEVER)
    if best == Rank.NEVER:
        return True
    at_best = [one for one in told if one.rank == best]
    stems = Counter(stem for stem, _ in {(one.stem, one.at) for one in at_best})
    if best < Rank.NUMBERED:
        stems = Counter({stem: n for stem, n in stems.items() if _may_hold_texts(stem, at_best, names)}) or stems
    if best != Rank.LABEL_NAME and (best < Rank.NUMBERED or _share_a_record(at_best)) and len(stems) > 1:
        (first, most), (_, next_most) = stems.most_common(2)
        if best < Rank.NUMBERED or most == next_most:
            return False
        stems = Counter({first: most})
    for one in at_best:
        if one.stem in stems:
            one.leaf.role = TEXT
            one.leaf.said = (*records[one.at].said, *_said(records[one.at], one))
    return True


@dataclass(frozen=True)
class _Told:
    """A string of the record number `at`, with its key and the rank of this key."""

    key: str
    leaf: Leaf
    rank: Rank
    at: int

    @property
    def stem(self) -> str:
        return " ".join(_words(NUMBER.sub("", self.key.strip())))


def _said(record: Record, text: _Told) -> list[str]:
    """What the fields beside a text say of its label; in a record of several texts, those with the number of the text."""
    number = NUMBER.search(text.key)
    said = [text.key] if text.rank == Rank.LABEL_NAME else []
    for key, leaf in record.fields:
        own = NUMBER.search(key)
        is_beside = own is None or number is None or own[0].strip(" _#.-") == number[0].strip(" _#.-")
        if names_label(key) and is_beside and leaf is not text.leaf:
            said.append(leaf.text)
    return said


def _share_a_record(told: Sequence[_Told]) -> bool:
    """Whether a record holds two fields of different names among these."""
    stems: dict[int, str] = {}
    return any(stems.setdefault(one.at, one.stem) != one.stem for one in told)


def _may_hold_texts(stem: str, told: Sequence[_Told], names: Names) -> bool:
    """Whether the strings of a field may be texts: not all names of labels, marks without a space, or one and the same."""
    strings = [one.leaf.text.strip() for one in told if one.stem == stem]
    if len(strings) > 1 and len(set(strings)) == 1:
        return False
    return not all(names.is_name(one) or _is_mark(one) for one in strings)


def _is_mark(string: str) -> bool:
    """Whether a string is a number or an identifier: no space in it, and a digit or an underscore, or no letter at all."""
    if not any(sign.isalpha() for sign in string):
        return True
    return len(string.split()) < 2 and any(sign.isdigit() or sign == "_" for sign in string)


def _without_number(key: str) -> str:
    """A key without the number at its end; one that is too long for a name as it is."""
    return NUMBER.sub("", key.strip()) if len(key) <= LONGEST_NAME else key.strip()


def _words(key: str) -> list[str]:
    return [word.casefold() for word in BETWEEN.split(CAMEL.sub(" ", key)) if word]


def _rank_of_words(words: Sequence[str]) -> Rank:
    """The rank of a key by its words: that of the last word, if the words before it are of no other kind."""
    ranks = [RANKS.get(word, Rank.UNKNOWN) for word in words]
    if Rank.NEVER in ranks:
        return Rank.NEVER
    before = all(word in BEFORE or known > Rank.NUMBERED for word, known in zip(words[:-1], ranks, strict=False))
    return ranks[-1] if before else min(ranks[-1], Rank.UNKNOWN)
