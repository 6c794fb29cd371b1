"""The screen of an item."""

from core.study.rows.kinds import CampaignKind, ItemRole
from core.subjectivity.sessions import screens
from core.subjectivity.sessions.protocol import Protocol
from core.subjectivity.sessions.screens import Screen
from tests.subjectivity.conftest import Sessions


def first_screen(sessions: Sessions, **plan: object) -> Screen:
    campaign = sessions.campaign(**plan)
    item = sessions.shown(sessions.rater(campaign))
    with sessions.store() as session:
        return screens.of(session, campaign, item)


def test_a_label_is_asked_for_with_the_tasks_question_and_meanings(sessions: Sessions) -> None:
    screen = first_screen(sessions)

    assert screen.question == "Is it easy?"
    assert [(option.value, option.meaning) for option in screen.options] == [("yes", "it is"), ("no", "")]
    assert screen.parts[0][1].startswith("easy text")


def test_a_comparison_of_tasks_shows_both_with_their_labels_an_example_and_a_definition(sessions: Sessions) -> None:
    screen = first_screen(sessions, kind=CampaignKind.COMPARE, task=None)

    assert [heading for heading, _ in screen.parts] == ["First task", "Second task"]
    described = "\n".join(text for _, text in screen.parts)
    assert all(
        word in described for word in ("Is it easy?", "yes: it is", "easy train", "Is it hard?", "hard practice")
    )
    assert [option.value for option in screen.options] == ["left", "right", "tie"]
    assert "thoughtful people" in screen.note


def test_a_swapped_pair_is_shown_the_other_way_round(sessions: Sessions) -> None:
    campaign = sessions.campaign(kind=CampaignKind.COMPARE_ITEMS, per_class=2)
    item = sessions.shown(sessions.rater(campaign))

    with sessions.store() as session:
        one, other = (screens.of(session, campaign, item, swapped=swapped) for swapped in (False, True))

    assert [text for _, text in one.parts] == [text for _, text in other.parts][::-1]


def test_the_scale_has_five_steps_in_words(sessions: Sessions) -> None:
    screen = first_screen(sessions, kind=CampaignKind.SCALE)

    assert [option.value for option in screen.options] == ["1", "2", "3", "4", "5"]
    assert all(option.words and option.meaning for option in screen.options)
    assert "Is it easy?" in screen.question


def test_an_attention_check_says_what_to_choose(sessions: Sessions) -> None:
    campaign = sessions.campaign(items_per_rater=4, protocol=Protocol(attention_every=2))
    rater = sessions.rater(campaign)
    item = next(item for item in sessions.rate(rater, "yes") if item.role == ItemRole.ATTENTION)

    with sessions.store() as session:
        screen = screens.of(session, campaign, item)

    assert f"choose “{item.expected}”" in screen.parts[0][1]
