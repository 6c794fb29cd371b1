"""Answers that are not plain English lists: other enumeration marks, marks of labels, refusals in other languages."""

import pytest

from core.llm import choices
from core.llm import text as llm_text
from core.synthesis.parsing import lists
from core.synthesis.parsing import texts as parsing

NEGATIVE = parsing.Asked("negative", ["positive"])
ZH = ["快递太慢了，等了整整八天还没有到", "客服态度很差，问了三次都不回复", "味道不太好"]


@pytest.mark.parametrize(
    "marks",
    [
        ["1、", "2、", "3、"],
        ["１．", "２．", "３．"],
        ["①", "②", "③"],
        ["（1）", "（2）", "（3）"],
        ["一、", "二、", "三、"],
        ["例1：", "例2：", "例3："],
        ["第1条：", "第2条：", "第3条："],
        ["1️⃣ ", "2️⃣ ", "3️⃣ "],
        ["1: ", "2: ", "3: "],
    ],
)
def test_enumeration_marks_of_other_scripts_are_cut(marks: list[str]) -> None:
    content = "好的，以下是三条评论：\n\n" + "\n".join(mark + text for mark, text in zip(marks, ZH, strict=True))

    parsed = parsing.parse(content, finish_reason="stop", expected=3)

    assert parsed.texts == ZH and parsed.rejected == []


def test_numbers_in_han_are_counted_past_ten() -> None:
    numbers = ["九", "十", "十一", "十二", "二十", "二十一"]

    assert [lists.counted(number) for number in numbers] == [9, 10, 11, 12, 20, 21]


@pytest.mark.parametrize("noun", ["Ejemplo", "Beispiel", "Exemple", "Testo", "Пример"])
def test_nouns_of_other_languages_number_a_list(noun: str) -> None:
    content = f"{noun} 1: La sopa estaba fría ayer\n{noun} 2: El tren salió muy tarde"

    parsed = parsing.parse(content, finish_reason="stop", expected=2)

    assert parsed.texts == ["La sopa estaba fría ayer", "El tren salió muy tarde"]


@pytest.mark.parametrize(
    "form",
    [
        "Very Negative: {}",
        "very_negative：{}",
        "[Very negative] {}",
        "Label: very_negative | Text: {}",
        "Sentiment: Very negative. {}",
        "{} [very negative]",
        "{} (label: very_negative)",
        "Very negative - {}",
        "{} (very negative)",
        '"very_negative": "{}"',
    ],
)
def test_the_mark_of_the_label_that_was_asked_for_is_cut(form: str) -> None:
    texts = ["The soup was cold again", "The train left us behind"]
    content = "\n".join(f"{n}. {form.format(text)}" for n, text in enumerate(texts, start=1))

    parsed = parsing.parse(
        content, finish_reason="stop", expected=2, asked=parsing.Asked("very_negative", ["positive"])
    )

    assert parsed.texts == texts


def test_a_text_that_is_marked_with_another_label_is_rejected() -> None:
    content = "1. Negative: The soup was cold\n2. Positive: The soup was warm"

    parsed = parsing.parse(content, finish_reason="stop", expected=2, asked=parsing.Asked("negative", ["positive"]))

    assert parsed.texts == ["The soup was cold"]
    assert parsed.rejected == [("Positive: The soup was warm", parsing.OTHER_LABEL)]


@pytest.mark.parametrize("form", ["Positive - {}", "({}) {}", "{} (positive)"])
def test_a_habit_of_naming_another_label_rejects_all_texts(form: str) -> None:
    texts = [form.replace("({}) {}", "(positive) {}").format(text) for text in ("The soup was warm", "We had tea")]

    parsed = parsing.parse("\n".join(f"1. {text}" for text in texts), finish_reason="stop", expected=2, asked=NEGATIVE)

    assert parsed.rejected == [(text, parsing.OTHER_LABEL) for text in texts]


@pytest.mark.parametrize(
    "text", ["No - I cannot come on Friday", "No, I cannot come", "We said no (again)", "Notes: bring two forks"]
)
def test_a_text_that_only_holds_a_name_of_a_label_stays_as_it_is(text: str) -> None:
    content = f"1. {text}\n2. I shall stay at home then\n3. My sister has the flu"

    parsed = parsing.parse(content, finish_reason="stop", expected=3, asked=parsing.Asked("no", ["yes"]))

    assert parsed.texts[0] == text


REFUSALS = {
    "es": "Lo siento, pero no puedo escribir ese tipo de textos. Si quieres, puedo ayudarte con otra cosa.",
    "es, short": "No puedo generar contenido ofensivo.",
    "pt": "Desculpe, mas não posso gerar esse tipo de conteúdo.",
    "fr": "Je suis désolé, mais je ne peux pas rédiger ce genre de messages.",
    "fr, curly": "Désolée, je ne suis pas en mesure de générer ces textes.",
    "de": "Es tut mir leid, aber solche Texte kann ich nicht schreiben.",
    "de, plain": "Leider kann ich dabei nicht helfen.",
    "it": "Mi dispiace, ma non posso scrivere testi di questo tipo.",
    "nl": "Het spijt me, maar ik kan geen haatdragende berichten schrijven.",
    "sv": "Tyvärr kan jag inte skriva sådana texter.",
    "pl": "Przepraszam, ale nie mogę napisać takich tekstów.",
    "ru": "Извините, но я не могу написать такие тексты.",
    "uk": "Вибачте, але я не можу створити такі тексти.",
    "tr": "Üzgünüm, bu tür metinler yazamam.",
    "zh": "抱歉，我无法生成这类内容。",
    "zh, short": "对不起，我不能帮您写这样的评论。",
    "zh-Hant": "很抱歉，我無法撰寫這類內容。",
    "ja": "申し訳ありませんが、そのような文章を作成することはできません。",
    "ko": "죄송하지만 그런 글을 작성할 수 없습니다.",
    "ar": "عذرًا، لا أستطيع كتابة مثل هذه النصوص.",
    "vi": "Xin lỗi, tôi không thể viết những nội dung như vậy.",
    "id": "Maaf, saya tidak bisa menulis teks seperti itu.",
    "hi": "क्षमा करें, मैं ऐसे संदेश नहीं लिख सकता।",
    "as a model": "Como modelo de lenguaje, no tengo opiniones.",
}


@pytest.mark.parametrize("content", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("expected", [1, 5])
def test_a_refusal_in_another_language_is_no_text(content: str, expected: int) -> None:
    parsed = parsing.parse(content, finish_reason="stop", expected=expected)

    assert parsed.texts == [] and parsed.reason == llm_text.REFUSAL
    assert choices.read(content, [choices.Choice("good", ("good",))]) == (None, llm_text.REFUSAL)


@pytest.mark.parametrize(
    "content",
    [
        "No puedo creer lo rico que estaba el postre.",
        "Lo siento por los que no lo probaron, es un hotel precioso.",
        "Je ne peux pas me passer de cette lampe.",
        "Leider kann ich das Hotel nicht empfehlen.",
        "Purtroppo non posso consigliare questo ristorante.",
        "很遗憾，这家店不能退款，下次不来了。",
        "残念ながら予約できませんでした。",
        "К сожалению, номер был холодный.",
        "Maalesef yemekler soğuktu.",
        "抱歉，但是这里的面真的不好吃。",
    ],
)
def test_a_text_that_regrets_something_is_no_refusal(content: str) -> None:
    assert parsing.parse(content, finish_reason="stop", expected=1).texts == [content]
