"""JSON, tables and sections: which field is the text, and whose label it is."""

import json

import pytest

from core.synthesis.parsing import texts as parsing

PHONE, SOUP = "I love this phone so much", "The soup was cold again"
NEGATIVE = parsing.Asked("negative", ["positive"])


def parse(content: str, *, expected: int = 3, asked: parsing.Asked = NEGATIVE) -> parsing.Parsed:
    return parsing.parse(content, finish_reason="stop", expected=expected, asked=asked)


LONG = "The writer asks for a thing, and says so at some length in this text."


@pytest.mark.parametrize(
    ("key", "beside"),
    [
        ("utterance", "explanation"),
        ("query", "reason"),
        ("texto", "explicación"),
        ("Texte", "explication"),
        ("satz", "Begründung"),
        ("文本", "解释"),
        ("generatedText", "rationale"),
        ("user_query", "why"),
        ("review", "comment"),
        ("text", "question"),
        ("what_was_said", "explanation"),
        ("rewritten_text", "original_text"),
        ("body", "subject"),
        ("email_body", "summary"),
    ],
)
def test_an_explanation_is_never_the_text(key: str, beside: str) -> None:
    written = ["Play some jazz now", "Skip it please", "What is the weather like in the town where my sister lives?"]
    rows = [{key: text, beside: LONG + str(n)} for n, text in enumerate(written)]
    title = [f"| {key} | {beside} |", "| --- | --- |", *(f"| {row[key]} | {row[beside]} |" for row in rows)]

    for content in (json.dumps(rows), json.dumps({"items": rows}), json.dumps(rows)[:-1], "\n".join(title)):
        assert parse(content).texts == written


def test_the_name_of_an_intent_is_never_the_text() -> None:
    content = json.dumps([{"utterance": "Skip it", "intent": "skip_the_current_song"}])

    assert parse(content, expected=1).texts == ["Skip it"]


@pytest.mark.parametrize(
    "content",
    [
        '[{"foo": "Play some jazz", "bar": "A song is asked for here"}]',
        '[{"foo": "Play some jazz", "bar": "A song is asked for here"}, {"foo": "Sk',
        '[{"label": "negative", "explanation": "It says that the soup is cold"}]',
        '{"easy": ["one text", "two texts"], "hard": ["three texts"]}',
        "| foo | bar |\n|---|---|\n| Play some jazz | A song is asked for here |",
    ],
)
def test_an_answer_whose_field_of_texts_cannot_be_told_gives_none_and_says_why(content: str) -> None:
    assert parse(content, expected=1) == parsing.Parsed([], [], parsing.UNCLEAR)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"id": "a1", "foo": PHONE, "source": "x"}, {"id": "a2", "foo": SOUP, "source": "x"}]),
        json.dumps([{"text1": PHONE, "reason1": LONG, "text2": SOUP, "reason2": LONG}]),
        json.dumps({"note": "Here you are", "texts": [PHONE, SOUP], "reasons": [LONG, LONG, LONG]}),
        json.dumps({"explanations": [LONG, LONG, LONG], "lines": [PHONE, SOUP]}),
        json.dumps({"result": {"data": [{"content": PHONE}, {"content": SOUP}]}}),
        json.dumps({"group_1": [{"text": PHONE}], "group_2": [{"text": SOUP}]}),
        json.dumps({"1": PHONE, "2": SOUP}),
        json.dumps([{"title": "Good", "review": PHONE}, {"title": "Bad", "review": SOUP}]),
        f'{{"texts": ["{PHONE}", "{SOUP}"], "tags": ["one", "two", "th',
    ],
)
def test_the_field_of_texts_is_told_from_its_neighbours(content: str) -> None:
    assert parse(content, expected=2).texts == [PHONE, SOUP]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"text": PHONE, "label": "positive"}, {"text": SOUP, "label": "Negative"}]),
        json.dumps([{"text": PHONE, "sentiment": "POSITIVE"}, {"text": SOUP, "sentiment": "negative."}]),
        json.dumps([{"text": PHONE, "labels": ["positive"]}, {"text": SOUP, "labels": ["negative"]}]),
        json.dumps([{"text1": PHONE, "label1": "positive", "text2": SOUP, "label2": "negative"}]),
        json.dumps([{"text": PHONE, "label": "positive"}, {"text": SOUP, "label": "negative"}])[:-1],
        json.dumps([{"label": "positive", "texts": [PHONE]}, {"label": "negative", "texts": [SOUP]}]),
        json.dumps([[PHONE, "positive"], [SOUP, "negative"]]),
        json.dumps({"positive": [PHONE], "negative": [SOUP]}),
        json.dumps({"positive": [PHONE], "negative": [SOUP]})[:-1],
        json.dumps({"Positive reviews": {"items": [PHONE]}, "negative_reviews": {"items": [SOUP]}}),
        json.dumps({"positive": PHONE, "negative": SOUP}),
        f"| Text | Label |\n|---|---|\n| {PHONE} | positive |\n| {SOUP} | negative |",
        f"| Label | What was said |\n|---|---|\n| **Positive** | {PHONE} |\n| Negative | {SOUP} |",
        f"Positive:\n1. {PHONE}\n\nNegative:\n1. {SOUP}",
        f"## Positive\n- {PHONE}\n\n## Negative\n- {SOUP}",
        f"**Positive reviews:**\n\n1. {PHONE}\n\n**Negative reviews:**\n\n2. {SOUP}",
        f"1. Positive\n- {PHONE}\n2. Negative\n- {SOUP}",
        f"1. **Positive:** {PHONE}\n2. **Negative:** {SOUP}",
        f"1. **Positive**:\n   {PHONE}\n2. **Negative**:\n   {SOUP}",
        f"Positive:\n{PHONE}\n\nNegative:\n{SOUP}",
    ],
)
@pytest.mark.parametrize("expected", [1, 2])
def test_a_text_beside_or_under_the_name_of_another_label_is_rejected(content: str, expected: int) -> None:
    parsed = parse(content, expected=expected)

    assert parsed.texts == [SOUP]
    assert (PHONE, parsing.OTHER_LABEL) in parsed.rejected


def test_the_longest_list_does_not_win_over_the_list_of_the_label() -> None:
    content = json.dumps({"positive": [PHONE, "Great battery life here", "It works"], "negative": [SOUP, "It broke"]})

    parsed = parse(content, expected=5)

    assert parsed.texts == [SOUP, "It broke"]
    assert [reason for _, reason in parsed.rejected] == [parsing.OTHER_LABEL] * 3


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"text": SOUP, "original_label": "positive"}]),
        json.dumps([{"text": SOUP, "label": "very positive"}]),
        json.dumps([{"original_label": "positive", "label": "negative", "text": SOUP}]),
        f"Rewritten from positive to negative:\n1. {SOUP}",
        f"Original label: positive\n1. {SOUP}",
    ],
)
def test_a_label_that_was_the_texts_own_before_rejects_nothing(content: str) -> None:
    assert parse(content, expected=1).texts == [SOUP]


def test_a_line_of_a_text_that_happens_to_be_a_name_stays() -> None:
    poem = "Rain on the hills\nJoy\nis what is left of it"

    assert parse(poem, expected=1, asked=parsing.Asked("sadness", ["joy"])).texts == [" ".join(poem.split())]
    assert parse(f"1. {SOUP}\nno\n2. {PHONE}", expected=2, asked=parsing.Asked("yes", ["no"])).texts[1:] == [PHONE]
