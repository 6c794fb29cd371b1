"""Whether minilm knows the language of texts, in several scripts."""

import math
from typing import Any

import pytest
from transformers import AutoTokenizer

from core import encoders
from core.quality.beside_real import languages
from core.quality.beside_real.languages import Tokens

ENGLISH = ["The food was cold and the waiter never came back to us.", "lol cant believe he said that 2 my face!! 😂😂"]
OTHERS = {
    "Thai": "เมื่อวานฉันไปร้านอาหารที่เพิ่งเปิดใหม่ อาหารรสชาติธรรมดา",
    "Hindi": "कल मैं नए खुले रेस्तराँ में गया था, खाने का स्वाद साधारण था",
    "Hebrew": "אתמול הלכתי למסעדה החדשה שנפתחה, האוכל היה בינוני",
    "Arabic": "ذهبت أمس إلى المطعم الجديد وكان الطعام عاديا",
    "Chinese": "我昨天去了新开的餐厅，菜的味道很一般，服务员也不太热情",
    "Japanese": "昨日、新しくできたレストランに行きましたが、料理の味は普通でした",
    "Korean": "어제 새로 연 식당에 갔는데 음식 맛은 그저 그랬어요",
    "Russian": "Вчера я был в новом ресторане, еда была посредственной",
    "Polish": "Wczoraj byłem w nowej restauracji, jedzenie było przeciętne",
    "Swahili": "Jana nilikwenda kwenye mkahawa mpya, chakula kilikuwa cha kawaida",
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(encoders.resolve("minilm"), local_files_only=True)


def test_english_is_known_also_with_slang_and_emoji(tokenizer: Any) -> None:
    found = languages.tokens(ENGLISH, tokenizer)

    assert found.is_known
    assert (found.n, found.unknown) == (2, 0)
    assert 3.2 < found.characters < 5


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages_are_not_known(language: str, tokenizer: Any) -> None:
    found = languages.tokens([OTHERS[language]], tokenizer)

    assert not found.is_known
    assert found.is_unspaced == (language in ("Thai", "Chinese", "Japanese"))


def test_texts_without_words_are_not_known_and_many_texts_are_sampled(tokenizer: Any) -> None:
    emoji, many = languages.tokens(["😂😂", "42"], tokenizer), languages.tokens(ENGLISH * 600, tokenizer)

    assert math.isnan(emoji.unknown) and not emoji.is_known
    assert "finds no words in 2 texts" in languages.reason("minilm", [("real", emoji)])
    assert many.n == languages.SAMPLE


@pytest.mark.parametrize(
    ("tokens", "is_known"),
    [
        (Tokens(9, 0.0, 3.1, False, 30_000), True),
        (Tokens(9, 0.0, 2.9, False, 30_000), False),
        (Tokens(9, 0.0, 1.8, False, 250_000), True),  # many languages share the vocabulary: short tokens are usual
        (Tokens(9, 0.2, 1.8, False, 250_000), False),
        (Tokens(9, 0.0, 1.0, True, 21_000), True),  # a Chinese encoder reads character by character
        (Tokens(9, 0.0, 0.4, True, 50_000), False),  # an English one byte by byte
    ],
)
def test_limits_depend_on_script_and_vocabulary(tokens: Tokens, is_known: bool) -> None:
    assert tokens.is_known == is_known
