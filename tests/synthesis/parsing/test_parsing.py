"""Parsing: golden shapes of answers, and invariants for any string."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm import text as llm_text
from core.synthesis.parsing import texts as parsing

SUN, RAIN, SNOW = "The sun came out at last.", "It rained all day, again.", "We woke up to fresh snow."
ALL = [SUN, RAIN, SNOW]

LISTS = {
    "dots": f"1. {SUN}\n2. {RAIN}\n3. {SNOW}",
    "brackets": f"1) {SUN}\n2) {RAIN}\n3) {SNOW}",
    "round brackets": f"(1) {SUN}\n(2) {RAIN}\n(3) {SNOW}",
    "square brackets": f"[1] {SUN}\n[2] {RAIN}\n[3] {SNOW}",
    "bold numbers": f"**1.** {SUN}\n**2.** {RAIN}\n**3.** {SNOW}",
    "bold items": f"**1. {SUN}**\n**2. {RAIN}**\n**3. {SNOW}**",
    "bold lead-ins": f"1. **Clear:** {SUN}\n2. **Wet**: {RAIN}\n3. **White** - {SNOW}",
    "numbers from 11 on": f"11. {SUN}\n12. {RAIN}\n13. {SNOW}",
    "markdown's own counting": f"1. {SUN}\n1. {RAIN}\n1. {SNOW}",
    "named numbers": f"Text 1: {SUN}\nText 2: {RAIN}\nText 3: {SNOW}",
    "bold named numbers": f"**Tweet 1:** {SUN}\n\n**Tweet 2:** {RAIN}\n\n**Tweet 3:** {SNOW}",
    "headings": f"### 1. {SUN}\n### 2. {RAIN}\n### 3. {SNOW}",
    "blank lines between": f"1. {SUN}\n\n2. {RAIN}\n\n3. {SNOW}\n",
    "preamble and remark": f"Sure! Here are three:\n\n1. {SUN}\n2. {RAIN}\n3. {SNOW}\n\nLet me know if you want more",
    "any remark": f"1. {SUN}\n2. {RAIN}\n3. {SNOW}\n\nAll of these texts avoid the label, as you asked.",
    "a rule before the remark": f"1. {SUN}\n2. {RAIN}\n3. {SNOW}\n---\nThese are original.",
    "quotes": f"1. \"{SUN}\"\n2. “{RAIN}”\n3. '{SNOW}'",
    "several lines": "1. The sun came out\n   at last.\n2. It rained\nall day, again.\n3. We woke up to\nfresh snow.",
    "dashes": f"- {SUN}\n- {RAIN}\n- {SNOW}",
    "stars": f"Here you go:\n* {SUN}\n* {RAIN}\n* {SNOW}",
    "points": f"• {SUN}\n• {RAIN}\n• {SNOW}",
    "plain lines": f"{SUN}\n{RAIN}\n{SNOW}",
    "plain lines with preamble": f"Here are three texts:\n{SUN}\n{RAIN}\n{SNOW}\nI hope these help!",
    "paragraphs": f"The sun came out\nat last.\n\n{RAIN}\n\n{SNOW}",
    "windows lines": f"1. {SUN}\r\n2. {RAIN}\r\n3. {SNOW}\r\n",
    "thinking": f"<think>They want\n1. one thing\n2. another</think>\n1. {SUN}\n2. {RAIN}\n3. {SNOW}",
    "json strings": json.dumps(ALL),
    "json over lines": json.dumps(ALL, indent=2),
    "json objects": json.dumps([{"id": n, "text": text, "label": "sad"} for n, text in enumerate(ALL)]),
    "json list in an object": json.dumps({"label": "a longer word", "texts": ALL}),
    "json objects in an object": json.dumps({"tweets": [{"tweet": text, "tags": ["a", "b"]} for text in ALL]}),
    "json numbered keys": json.dumps({str(n): text for n, text in enumerate(ALL)}),
    "json text keys": json.dumps({f"text{n}": text for n, text in enumerate(ALL)}),
    "json lines": "\n".join(json.dumps({"text": text}) for text in ALL),
    "fenced json": f"Here it is:\n```json\n{json.dumps(ALL)}\n```\nEnjoy!",
    "fenced json, never closed": f"```json\n{json.dumps(ALL)}",
    "json with a comma too many": f'["{SUN}", "{RAIN}", "{SNOW}",]',
    "fenced list": f"```\n1. {SUN}\n2. {RAIN}\n3. {SNOW}\n```",
}

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "Sorry, I cannot create content that mocks people.",
    "I am unable to write these messages.",
    "I won't provide texts that could be used for fraud.",
    "As an AI language model, I do not have feelings about this.",
    "I must decline this one.",
    "This goes against my guidelines.",
    "Writing this would violate our content policy.",
    "I'm not able to fulfill this request.",
    "I'm sorry, I can't help with that. Instead I could offer:\n- a poem about the sea\n- a story about a dog",
]


@pytest.mark.parametrize("shape", LISTS)
def test_every_shape_of_list_gives_the_same_texts(shape: str) -> None:
    parsed = parsing.parse(LISTS[shape], finish_reason="stop", expected=3)

    assert (parsed.texts, parsed.reason) == (ALL, None)
    assert {reason for _, reason in parsed.rejected} <= {parsing.OUTSIDE}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_not_a_text(refusal: str) -> None:
    assert parsing.parse(refusal, finish_reason="stop", expected=1).reason == llm_text.REFUSAL
    assert parsing.parse(refusal, finish_reason="stop", expected=10).reason == llm_text.REFUSAL


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry I can't make it tonight, the car broke down.",
        "I can't help laughing at this film.",
        "I cannot stand this phone, it never works.",
        "Sorry, I can't write more now, call you later x",
    ],
)
def test_a_text_that_apologises_is_still_a_text(text: str) -> None:
    assert parsing.parse(text, finish_reason="stop", expected=1).texts == [text]
    assert parsing.parse(f"1. {text}\n2. {SUN}", finish_reason="stop", expected=2).texts == [text, SUN]


@pytest.mark.parametrize(
    "text",
    [
        "They told me they can't help with my refund, worst company ever.",
        "I can't support this movie in any way, it is dull.",
        "The director said he won't do that again, and I believe him.",
        "As an AI thriller this film disappoints from start to end.",
        "The hero cannot share this secret with anyone, and neither can we.",
        "The bank is not able to help with my card and hung up.",
        "I can't do this anymore, the noise is too much.",
        "I won't do that again.",
        "I cannot provide enough praise for this hotel.",
        "I'm unable to provide a review because I never received it.",
        "I can't help with the feeling that we were cheated.",
        "Declined twice at the till, what a bank.",
        "This is against the store policy, they said.",
        "I must decline the invitation, my aunt is ill.",
        "We cannot continue with the project for lack of money.",
        "I can't create an account on this site.",
        "As an AI researcher I loved it.",
        "Sorry, I can't help you, said the clerk, and hung up on me twice.",
        "I cannot write this review without crying.",
    ],
)
def test_a_complaint_is_a_text_and_no_refusal(text: str) -> None:
    assert parsing.parse(text, finish_reason="stop", expected=1).texts == [text]
    assert parsing.parse(f"{text}\n{SUN}\n{RAIN}", finish_reason="stop", expected=3).texts == [text, SUN, RAIN]


@pytest.mark.parametrize(
    "refusal",
    [
        "I understand your request. However, I can't help with that.",
        "I understand that you want a spam message, but I can't create one like this text.",
        "Hate speech is harmful, and I won't produce it.",
        "Writing phishing messages is illegal. I can't help with that.",
        "As an AI, I can't do that.",
        "I can't do that.",
        "I'm not comfortable writing that.",
        "I respectfully decline to write this.",
        "I can't write a review that promotes hate.",
        "Unfortunately, I can't assist with creating offensive tweets.",
        "We are unable to comply with this request.",
        "I can't engage in that kind of behavior.\n\nIs there something else?",
        "Request refused.",
    ],
)
def test_the_first_sentences_of_prose_tell_a_refusal(refusal: str) -> None:
    assert parsing.parse(refusal, finish_reason="stop", expected=1).reason == llm_text.REFUSAL


def test_struck_out_words_end_no_answer_and_what_follows_the_end_is_listed() -> None:
    struck = "1. The sun came out.\n2. Now only <s>$50</s> $20 today\n3. Third text here"
    ended = f"<s>1. {SUN}\n2. {RAIN}</s>\n<|im_start|>user\nAnd three more words"

    parsed = parsing.parse(ended, finish_reason="stop", expected=2)

    assert parsing.parse(struck, finish_reason="stop", expected=3).texts[1:] == [
        "Now only <s>$50</s> $20 today",
        "Third text here",
    ]
    assert parsed.texts == [SUN, RAIN]
    assert parsed.rejected == [("user", parsing.OUTSIDE), ("And three more words", parsing.OUTSIDE)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"1. {SUN}\n2. {RAIN}\n8. {SNOW}\n9. They left", [SUN, RAIN, SNOW, "They left"]),
        (f"1. {SUN}\n2. {RAIN}\n8. {SNOW}\n10. They left\n11. Bye bye", [SUN, RAIN, SNOW, "They left", "Bye bye"]),
        (f"1. They won\n1998. A year.\n1999. Another.\n2. {RAIN}", ["They won 1998. A year. 1999. Another.", RAIN]),
        (f"1. {SUN}\n9. {RAIN}\n10. {SNOW}\n1. {SUN}\n2. Bye bye", [SUN, RAIN, SNOW, SUN, "Bye bye"]),
        (f"1. {SUN}\n  8. nested\n  9. nested\n2. {RAIN}", [f"{SUN} 8. nested 9. nested", RAIN]),
    ],
)
def test_a_jump_in_the_numbers_that_goes_on_begins_a_text(content: str, found: list[str]) -> None:
    assert parsing.parse(content, finish_reason="stop", expected=5).texts == found


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (f"2. {SUN}", SUN),
        (f"14) {SUN}", SUN),
        (f"Here is one more:\n\n7. {SUN}", SUN),
        (f"3. {SUN}\n\nIt stayed.", f"{SUN} It stayed."),
        (f"1984. {SUN}", f"1984. {SUN}"),
        (f"10 - {SUN}", f"10 - {SUN}"),
        ("Pros:\n- Very light\n- Cheap\n\nCons:\n- Bad filter", "Pros: - Very light - Cheap Cons: - Bad filter"),
        ("I like it.\nPros:\n1. It is light\n2. Cheap", "I like it. Pros: 1. It is light 2. Cheap"),
        (f"Sure!\n\n- {SUN}", SUN),
        (f"Here is a review:\n1. {SUN}", SUN),
        (f"Hier ist der Text:\n\n- {SUN}", SUN),
        (f"Voilà :\n1. {SUN}", SUN),
        (f"Length: 20 words\n1. {SUN}", SUN),
        (f"Voilà :\n- {SUN}", SUN),
        (f"{SUN}\n- John", f"{SUN} - John"),
        (f"Here is a review for you:\n\n{SUN}\nPros:\n- Light\n- Cheap", f"{SUN} Pros: - Light - Cheap"),
    ],
)
def test_a_single_text_loses_its_number_and_keeps_the_list_in_it(content: str, text: str) -> None:
    assert parsing.parse(content, finish_reason="stop", expected=1).texts == [text]


@pytest.mark.parametrize(
    ("content", "finish_reason", "reason"),
    [
        ("", "stop", llm_text.EMPTY),
        (" \n\t", "stop", llm_text.EMPTY),
        ("<think>hm", "length", parsing.CUT_EARLY),
        ("", "length", parsing.CUT_EARLY),
        ("", "content_filter", llm_text.FILTERED),
        ("No.", "refusal", llm_text.REFUSAL),
        ("The weather can be described in many ways.", "stop", parsing.NO_LIST),
    ],
)
def test_an_answer_without_texts_says_why(content: str, finish_reason: str, reason: str) -> None:
    assert parsing.parse(content, finish_reason=finish_reason, expected=10) == parsing.Parsed([], [], reason)


def test_a_refusal_beside_the_content_counts() -> None:
    assert parsing.parse("", finish_reason="stop", refusal="I will not.").reason == llm_text.REFUSAL


@pytest.mark.parametrize(
    "content",
    [
        f"1. {SUN}\n2. {RAIN}\n3. We woke up",
        f'["{SUN}", "{RAIN}", "We woke up',
        f'[{{"text": "{SUN}"}}, {{"text": "{RAIN}"}}, {{"text": "We woke up',
        f"- {SUN}\n- {RAIN}\n- We woke up",
        f"{SUN}\n{RAIN}\nWe woke up",
    ],
)
def test_the_text_that_an_answer_was_cut_in_is_rejected(content: str) -> None:
    parsed = parsing.parse(content, finish_reason="length", expected=3)

    assert parsed == parsing.Parsed([SUN, RAIN], [("We woke up", llm_text.CUT)], None)


def test_what_is_no_text_is_listed_with_why() -> None:
    content = (
        f"<think>Three.</think>Here they are:\n1. **Clear:** {SUN}\n2. {RAIN}\n3. {SNOW}\n---\nThese are original."
    )

    parsed = parsing.parse(content, finish_reason="stop", expected=3)

    assert parsed.texts == ALL
    assert parsed.rejected == [("These are original.", parsing.OUTSIDE)]
    assert set(parsed.left_out) == {
        ("<think>Three.</think>", parsing.THINKING),
        ("Here they are:", parsing.FRAME),
        ("**Clear:**", parsing.LEAD),
    }


def test_other_fields_of_json_are_no_texts_and_a_key_that_stands_twice_gives_both() -> None:
    content = f'{{"text": "{SUN}", "label": "glad", "text": "{RAIN}", "why": ["it says so"]}}'

    parsed = parsing.parse(content, finish_reason="stop", expected=2)

    assert parsed.texts == [SUN, RAIN] and parsed.rejected == []
    assert parsed.left_out == [("glad", "another field"), ("it says so", "another field")]


@pytest.mark.parametrize(
    "table",
    [
        f"| # | Tweet | label |\n|---|:--|---|\n| 1 | {SUN} | glad |\n| 2 | {RAIN} | sad |\n| 3 | {SNOW} | glad |",
        f"no | what was written\n--- | ---\n1 | {SUN}\n2 | {RAIN}\n3 | {SNOW}",
    ],
)
def test_a_table_gives_the_column_of_texts(table: str) -> None:
    parsed = parsing.parse(f"Here is a table:\n\n{table}", finish_reason="stop", expected=3)

    assert parsed.texts == ALL and parsed.rejected == []
    assert parsed.left_out


def test_a_fence_takes_no_word_of_a_text_with_it() -> None:
    assert parsing.parse(f"```{SUN}```", finish_reason="stop", expected=1).texts == [SUN]
    assert parsing.parse(f"```json {json.dumps(ALL)}```", finish_reason="stop", expected=3).texts == ALL


def test_json_that_was_complete_when_the_limit_came_loses_nothing() -> None:
    assert parsing.parse(json.dumps(ALL), finish_reason="length", expected=3).texts == ALL


def test_quotes_inside_json_texts_may_lack_their_backslash() -> None:
    content = '[{"text": "She said "no" in caf\\u00e9, twice"}, {"text": "We met at the \'old\' mill"}]'

    texts = parsing.parse(content, finish_reason="stop", expected=2).texts

    assert texts == ['She said "no" in café, twice', "We met at the 'old' mill"]


def test_a_single_text_may_stand_without_a_list() -> None:
    content = "A film in two parts.\n\nThe second is better: slow, warm and 3.5 hours long."

    assert parsing.parse(content, finish_reason="stop", expected=1).texts == [" ".join(content.split())]


def test_numbers_inside_a_text_do_not_begin_another() -> None:
    content = f"1. They won\n1998. That was a year.\n2. {RAIN}\n   1. not an item"

    texts = parsing.parse(content, finish_reason="stop", expected=2).texts

    assert texts == ["They won 1998. That was a year.", f"{RAIN} 1. not an item"]


def test_texts_too_short_or_too_long_are_rejected_with_their_reason() -> None:
    long = "very " * 1000

    parsed = parsing.parse(f"1. Ok\n2. {SUN}\n3. {long}\n4. Marvellous!\n5. !!!", finish_reason="stop", expected=5)

    assert parsed.texts == [SUN, "Marvellous!"]
    assert [reason for _, reason in parsed.rejected] == [parsing.TOO_SHORT, parsing.TOO_LONG, parsing.TOO_SHORT]


def test_the_longest_text_that_is_kept_follows_the_words_that_were_asked_for() -> None:
    story = "1. " + "word and " * 600

    asked = parsing.parse(story, finish_reason="stop", expected=1, asked=parsing.Asked(words=1000))

    assert len(asked.texts) == 1
    assert parsing.parse(story, finish_reason="stop", expected=1).rejected[0][1] == parsing.TOO_LONG


def test_escapes_in_json_are_undone_and_what_no_database_takes_is_dropped() -> None:
    content = r'["She said \"no\" in caf\u00e9 \u2014 twice", "Broken \ud83d sign and \u0000 byte"]'

    texts = parsing.parse(content, finish_reason="stop", expected=2).texts

    assert texts == ['She said "no" in café — twice', "Broken sign and byte"]


MARKERS = st.sampled_from(
    [
        "",
        "1. ",
        "2. ",
        "3) ",
        "(4) ",
        "- ",
        "* ",
        '"',
        '["',
        '{"text": "',
        "**",
        "Sure, here:",
        "```json",
        "# ",
        "---",
        "<think>",
        "</think>",
        "\\",
        "\\u12",
        "[",
        "{",
        "]",
        "}",
        '",',
        "\n\n",
    ]
)
ANSWERS = st.lists(st.tuples(MARKERS, st.text(max_size=30)), max_size=12).map(
    lambda lines: "\n".join(marker + text for marker, text in lines)
)
FINISHES = st.sampled_from(["stop", "length", "content_filter", "refusal", "?"])


@given(content=st.text() | ANSWERS, finish_reason=FINISHES, expected=st.none() | st.integers(0, 20))
def test_no_string_makes_it_fail(content: str, finish_reason: str, expected: int | None) -> None:
    parsed = parsing.parse(content, finish_reason=finish_reason, expected=expected)

    assert all(text and text == " ".join(text.split()) for text in parsed.texts)
    assert parsed.reason is None or not parsed.texts
    assert parsed.reason is not None or parsed.texts or parsed.rejected


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"a":' * 50_000,
        '["' + "\\" * 9999,
        "1. " * 5000,
        '"' * 50_000,
        "* " * 50_000,
        "(" * 50_000,
        "[" + "9" * 5000 + "]",
        "1.\n" * 5000,
        "i can't " * 20_000,
        '[["' * 20_000,
    ],
)
def test_hostile_strings_are_read_in_a_moment(content: str) -> None:
    parsing.parse(content, finish_reason="stop", expected=10)


PLAIN = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\`"), max_size=40)
PREFIXES = st.sampled_from(["", "1. ", "2. ", "3. ", "4) ", "- ", '"', "**", "* "])


@given(
    lines=st.lists(st.tuples(PREFIXES, PLAIN), max_size=10),
    finish_reason=FINISHES,
    expected=st.none() | st.integers(1, 9),
)
def test_every_text_stands_in_the_answer(
    lines: list[tuple[str, str]], finish_reason: str, expected: int | None
) -> None:
    content = "\n".join(marker + text for marker, text in lines)

    parsed = parsing.parse(content, finish_reason=finish_reason, expected=expected)

    found = parsed.texts + [text for text, _ in parsed.rejected]
    assert all(_letters(text) in _letters(content) for text in found)


def _letters(text: str) -> str:
    """The text without white space, quotes and emphasis."""
    return "".join(sign for sign in "".join(text.split()) if sign not in "\"'“”‘’«»„*_`")


@pytest.mark.parametrize(
    "content",
    [
        "I'm sorry, but I can't create fake news, as it may mislead readers.",
        "Sorry, I'm not able to produce realistic scam texts.",
        "My apologies, I won’t write further items in this style.",
    ],
)
def test_an_apology_without_a_list_is_a_refusal(content: str) -> None:
    assert parsing.parse(content, finish_reason="stop", expected=5).reason == llm_text.REFUSAL


def test_an_apology_that_was_asked_for_is_a_text() -> None:
    found = parsing.parse("Sorry, I can't come tonight, the car broke down", finish_reason="stop", expected=1)

    assert found.texts == ["Sorry, I can't come tonight, the car broke down"]
