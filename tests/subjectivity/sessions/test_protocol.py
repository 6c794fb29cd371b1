"""Protocols: defaults, stored settings, and invalid settings."""

import pytest

from core.errors import StudyError
from core.study.rows.kinds import CampaignKind
from core.subjectivity.sessions import protocol
from core.subjectivity.sessions.protocol import Protocol, Rules


def test_a_protocol_comes_back_from_its_json_as_it_was() -> None:
    made = Protocol(
        screening="Do you read English?",
        check=protocol.default_check(CampaignKind.LABEL),
        rules=Rules(straight_line=7),
        panel=protocol.PROLIFIC,
        codes=protocol.new_codes(),
    )

    assert protocol.parse(made.model_dump(mode="json")) == made


@pytest.mark.parametrize("kind", list(CampaignKind))
def test_every_kind_has_a_check_whose_answer_is_one_of_its_options(kind: CampaignKind) -> None:
    questions = protocol.default_check(kind)

    assert len(questions) == 2
    assert all(0 <= question.answer < len(question.options) for question in questions)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"idle_minutes": 0}, "idle_minutes"),
        ({"no_such": 1}, "no_such"),
        ({"check": [{"text": "?", "options": ["a", "b"], "answer": 2}]}, "one of the options"),
        ({"check": [{"text": "?", "options": ["a"], "answer": 0}]}, "options"),
        ({"panel": {"return_url": "javascript:alert(1)//{code}"}}, "https"),
        ({"panel": {"return_url": "https://panel.example/back"}}, "{code}"),
        ({"panel": {"id_parameter": "a b&c"}}, "id_parameter"),
        ({"rules": {"gold_share": 1.5}}, "gold_share"),
    ],
)
def test_a_setting_that_cannot_be_is_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(StudyError, match="The session cannot be set up so") as raised:
        protocol.parse(settings)

    assert words in str(raised.value)


def test_a_campaign_made_before_there_were_settings_has_the_defaults() -> None:
    assert protocol.parse({}) == Protocol()


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)//{code}", "//panel.example/{code}", "https://{code}", "https:// x/{code}",
        "https://panel.example/a\n/{code}", "https://panel.example/\"><b>{code}", "https://panel.example/\u202e{code}",
        "https://panel.example/no-code",
    ],
)  # fmt: skip
def test_an_address_to_go_back_to_is_a_web_address_with_the_code(url: str) -> None:
    with pytest.raises(StudyError, match="must begin with https:// and hold"):
        protocol.parse({"panel": {"id_parameter": "p", "return_url": url}})


@pytest.mark.parametrize("url", ["https://panel.example?cc={code}", "http://127.0.0.1:8000/done/{code}#{code}"])
def test_a_web_address_with_the_code_is_kept(url: str) -> None:
    assert protocol.parse({"panel": {"id_parameter": "p", "return_url": url}}).panel.return_url == url


@pytest.mark.parametrize("names", [("campaign", "s"), ("me", ""), ("preview", ""), ("p", "p")])
def test_a_panels_parameters_are_neither_ours_nor_alike(names: tuple[str, str]) -> None:
    with pytest.raises(StudyError, match="must differ"):
        protocol.parse({"panel": dict(zip(("id_parameter", "study_parameter"), names, strict=True))})
