"""The page Campaigns: the form of a new campaign, the list, the views of a campaign, and the messages for what is missing."""

import random
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from core.study import tasks
from core.study.rows.kinds import CampaignKind, ItemRole, RaterKind, RaterState
from core.study.rows.sessions import Campaign, Item, Rater, Rating
from core.study.rows.study import Label, Sample, Study
from core.study.store import Store
from core.subjectivity.exchange.long_form import Names
from core.subjectivity.sessions import assignment, campaigns, enrolment, protocol
from core.subjectivity.sessions.campaigns import Plan
from tests import apps
from tests.pages.test_pages import fill, opened
from ui.shared import links, words

VIEWS = ["Live", "Results", "Raters", "LLM raters", "Link and settings", "Export"]
KINDS = list(CampaignKind)


@pytest.fixture
def study(home: Store, tmp_path: Path) -> Study:
    """A study with two tasks, which can be compared."""
    study = fill(home, tmp_path)
    with home.write() as session:
        tasks.make_task(session, study_id=study.id, name="tone", question="How?", labels={"kind": "", "rude": ""})
    return study


def made(home: Store, study: Study, kind: CampaignKind = CampaignKind.LABEL, **given: object) -> Campaign:
    with home.write() as session:
        task = None if kind == CampaignKind.COMPARE else tasks.get_task(session, study.id, "urgency")
        sizes = {"per_class": 3, "raters_per_item": 3, "items_per_rater": 6}
        return campaigns.make(
            session, study_id=study.id, plan=Plan(**{"name": "c", "kind": kind, "task": task, **sizes, **given})
        )


def rated(home: Store, campaign: Campaign, *, raters: int = 3) -> None:
    rng, now = random.Random(1), time.time() - 300
    for _ in range(raters):
        with home.write() as session:
            rater = enrolment.join(session, campaign, now=now)
            rater.state = RaterState.RATING
            possible = campaigns.allowed(session, campaign)
            while (item := assignment.next_item(session, rater_id=rater.id, now=now, rng=rng)) is not None:
                now += 2
                said = rng.choice(possible)
                assignment.record(session, rater_id=rater.id, item_id=item.id, answer=said, now=now)


def at(app: AppTest, campaign: Campaign, view: str) -> AppTest:
    app.query_params["campaigns.id"] = str(campaign.id)
    app.query_params["campaigns.view"] = view
    return opened(app, "campaigns")


def said(app: AppTest) -> str:
    return " ".join(element.value for element in (*app.info, *app.caption, *app.markdown, *app.text, *app.success))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_making_a_campaign_of_any_kind_opens_it_at_its_link(
    app: AppTest, home: Store, study: Study, kind: CampaignKind
) -> None:
    opened(app, "campaigns")
    app.radio(key="campaigns.kind").set_value(kind).run()
    app.text_input(key="campaigns.name").set_value("first round")

    app.button(key="campaigns.make").click().run()

    assert not app.exception, app.exception[0].value
    with home() as session:
        campaign = session.scalars(select(Campaign)).one()
    assert (campaign.name, campaign.kind) == ("first round", kind)
    assert any(f"/rate?campaign={campaign.token}" in code.value for code in app.code)
    assert app.segmented_control(key="campaigns.view").value == "Link and settings"


@pytest.mark.slow
def test_a_campaign_without_a_name_is_called_after_what_raters_do(app: AppTest, home: Store, study: Study) -> None:
    opened(app, "campaigns")

    app.button(key="campaigns.make").click().run()

    with home() as session:
        assert session.scalars(select(Campaign.name)).one() == "Label texts: urgency"


def test_what_a_campaign_will_ask_of_people_is_said_before_it_is_made(app: AppTest, study: Study) -> None:
    opened(app, "campaigns")
    app.number_input(key="campaigns.per_class.label").set_value(4)

    app.number_input(key="campaigns.items.label").set_value(6).run()

    numbers = {metric.label: metric.value for metric in app.metric}
    assert numbers["Items"] == "8"
    assert numbers["Answers wanted"] == "24"
    assert numbers["Raters needed"] == "4"


def test_a_bad_setting_is_one_sentence_and_loses_nothing_typed(app: AppTest, home: Store, study: Study) -> None:
    opened(app, "campaigns")
    app.text_input(key="campaigns.name").set_value("kept")
    app.text_area(key="campaigns.new.label.question.0.options").set_value("only one answer").run()

    assert [error.value for error in app.error] == [
        "Question 1 of the check needs a question and two to nine answers, one a line\\."
    ]
    assert app.button(key="campaigns.make").disabled
    assert app.text_input(key="campaigns.name").value == "kept"
    assert app.text_area(key="campaigns.new.label.question.0.options").value == "only one answer"


@pytest.mark.slow
def test_several_arms_are_mixed_blind_and_the_form_says_so(app: AppTest, home: Store, study: Study) -> None:
    with home() as session:
        task = tasks.get_task(session, study.id, "urgency")
        arms = [arm.id for arm in tasks.arms(session, task.id)]
    opened(app, "campaigns")

    app.multiselect(key=f"campaigns.arms.{task.id}").set_value(arms).run()
    assert "mixed blind" in said(app)
    app.button(key="campaigns.make").click().run()

    with home() as session:
        drawn = session.scalars(select(Sample.arm_id).join(Item, Item.sample_id == Sample.id)).all()
    assert {arm_id: drawn.count(arm_id) for arm_id in arms} == {arms[0]: 20, arms[1]: 2}


def form_whose_last_task_has_gone() -> None:
    import streamlit as st

    from core.study import tasks
    from ui.campaigns import form
    from ui.shared import resources

    with resources.store()() as session:
        study = tasks.studies(session)[0]
    if "drawn" in st.session_state:
        st.info("drawn again")
        st.stop()
    st.session_state["drawn"] = True
    form.new_campaign(study)


def test_the_form_whose_last_task_has_gone_draws_the_page_again_which_says_what_to_do(home: Store) -> None:
    with home.write() as session:
        tasks.study_named(session, "empty")

    page = apps.of_function(form_whose_last_task_has_gone).run()

    assert not page.exception
    assert [info.value for info in page.info] == ["drawn again"]


@pytest.mark.slow
def test_the_rules_that_were_set_are_those_of_the_campaign(app: AppTest, home: Store, study: Study) -> None:
    opened(app, "campaigns")
    key = "campaigns.new.label"
    app.number_input(key=f"{key}.attention").set_value(5)
    app.number_input(key=f"{key}.gold").set_value(2)
    app.toggle(key=f"{key}.skip").set_value(True)
    app.segmented_control(key=f"{key}.panel").set_value("Prolific").run()

    app.button(key="campaigns.make").click().run()

    with home() as session:
        campaign = session.scalars(select(Campaign)).one()
        roles = session.scalars(select(Item.role)).all()
    rules = protocol.of(campaign)
    assert rules.panel == protocol.PROLIFIC
    assert (rules.attention_every, rules.gold_per_rater, rules.may_skip, len(rules.check)) == (5, 2, True, 2)
    assert roles.count(ItemRole.ATTENTION) == 4
    assert any("PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}" in code.value for code in app.code)


@pytest.mark.slow
def test_a_row_opens_its_campaign_and_the_way_back_closes_it(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    opened(app, "campaigns")

    app.button(key=f"campaigns.open.{campaign.id}").click().run()
    assert app.query_params["campaigns.id"] in (str(campaign.id), [str(campaign.id)])
    app.button(key="campaigns.all").click().run()

    assert "campaigns.id" not in app.query_params
    assert app.button(key=f"campaigns.open.{campaign.id}")


def test_a_campaign_of_another_study_is_not_shown(app: AppTest, home: Store, study: Study) -> None:
    app.query_params["campaigns.id"] = "999"

    opened(app, "campaigns")

    assert app.button(key="campaigns.make")


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_view_of_every_kind_shows_answers(
    app: AppTest, home: Store, study: Study, kind: CampaignKind, view: str
) -> None:
    campaign = made(home, study, kind)
    rated(home, campaign)

    at(app, campaign, view)

    assert not app.error
    assert app.segmented_control(key="campaigns.view").value == view


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_campaign_without_raters_says_so(app: AppTest, home: Store, study: Study, view: str) -> None:
    at(app, made(home, study), view)

    assert not app.error


@pytest.mark.slow
def test_the_live_view_has_alpha_with_its_interval_and_what_more_answers_would_bring(
    app: AppTest, home: Store, study: Study
) -> None:
    campaign = made(home, study)
    rated(home, campaign)

    at(app, campaign, "Live")

    assert {metric.label for metric in app.metric} >= {"Rating now", "Per minute", "Alpha so far", "Majority agreement"}
    assert "The 95 % interval of alpha is" in said(app).replace("\\", "")


@pytest.mark.slow
def test_llm_raters_stand_beside_people_and_not_among_them(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    rated(home, campaign)
    with home.write() as session:
        for place, answer in enumerate(["yes", "no"]):
            llm = Rater(campaign_id=campaign.id, pseudonym=f"llm-{place}", kind=RaterKind.LLM, code=f"llm-{place}")
            llm.facts = {"model": "tester"}
            session.add(llm)
            session.flush()
            items = session.scalars(select(Item.id).where(Item.campaign_id == campaign.id))
            session.add_all([Rating(item_id=item_id, rater_id=llm.id, label=answer) for item_id in items])

    at(app, campaign, "LLM raters")

    groups = next(frame.value for frame in app.dataframe if "group" in frame.value.columns)
    assert groups["group"].tolist()[:2] == ["people", "LLM raters"]
    assert groups["n_raters"].tolist()[0] == 3
    assert any(
        "The alternative annotator test takes 3 people who each rated 30 items" in note.value for note in app.caption
    )


@pytest.mark.slow
def test_excluding_a_rater_gives_a_reason_and_counting_again_takes_it_back(
    app: AppTest, home: Store, study: Study
) -> None:
    campaign = made(home, study)
    rated(home, campaign)
    with home() as session:
        first = session.scalars(select(Rater).order_by(Rater.id)).first()
    at(app, campaign, "Raters")
    app.session_state[f"raters.table.{campaign.id}.0"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    app.text_input(key=f"raters.because.{first.id}").set_value("answered at random")

    app.button(key=f"raters.exclude.{first.id}").click().run()

    with home() as session:
        assert session.get_one(Rater, first.id).excluded_because == "answered at random"
    app.session_state[f"raters.table.{campaign.id}.1"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    assert any("the code of a completed session" in note.value for note in app.caption)

    app.button(key=f"raters.include.{first.id}").click().run()

    with home() as session:
        again = session.get_one(Rater, first.id)
    assert (again.excluded_at, again.excluded_because) == (None, "")


@pytest.mark.slow
def test_closing_a_campaign_and_opening_it_again(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    at(app, campaign, "Link and settings")

    app.button(key=f"campaigns.toggle.{campaign.id}").click().run()

    with home() as session:
        assert not session.get_one(Campaign, campaign.id).is_open
    assert "closed" in app.warning[0].value


@pytest.mark.slow
def test_rules_can_be_changed_while_people_rate(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study, protocol=protocol.Protocol(attention_every=3))
    at(app, campaign, "Link and settings")
    app.toggle(key=f"campaigns.change.{campaign.id}.skip").set_value(True)

    app.button(key=f"campaigns.save.{campaign.id}").click().run()

    with home() as session:
        rules = protocol.of(session.get_one(Campaign, campaign.id))
    assert (rules.may_skip, rules.attention_every) == (True, 3)
    assert rules.codes == protocol.of(campaign).codes


@pytest.mark.slow
def test_panel_ids_are_not_on_the_page(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    rated(home, campaign)
    with home.write() as session:
        session.scalars(select(Rater)).first().panel_id = "5f43aa0bc9"

    at(app, campaign, "Raters")

    assert "5f43aa0bc9" not in said(app)
    assert not any("5f43aa0bc9" in frame.value.to_csv() for frame in app.dataframe)
    assert any("Panel ids of 1 person" in expander.label for expander in app.expander)


@pytest.mark.slow
def test_exported_answers_have_the_names_of_other_tools_and_no_codes(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    rated(home, campaign)

    at(app, campaign, "Export")
    app.radio(key="export.names").set_value(Names.CROWD_KIT).run()

    first = next(frame.value for frame in app.dataframe if "worker" in frame.value.columns)
    assert list(first.columns[:3]) == ["task", "worker", "label"]
    assert not {"code", "panel_id"} & set(first.columns)


def test_no_more_pairs_per_rater_are_named_than_there_are(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study, CampaignKind.COMPARE, items_per_rater=10, raters_per_item=12)

    at(app, campaign, "Link and settings")

    assert r"12 raters per pair, 1 pairs per rater \(there are no more; 10 were planned\)" in said(app)


@pytest.mark.slow
def test_mean_majority_agreement_has_one_interval_on_the_page(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    rated(home, campaign)

    at(app, campaign, "Results")

    coefficients = next(frame.value for frame in app.dataframe if "coefficient" in frame.value.columns)
    row = coefficients.set_index("coefficient").loc["Mean majority agreement"]
    assert str(row["interval"]).startswith("[")
    assert words.plain(f"Agreement is {row['value']:.2f} {row['interval']} on average") in said(app)


def test_a_preview_has_the_study_of_its_campaign_in_hand(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)
    with home.write() as session:
        tasks.study_named(session, "another")
        tasks.study_named(session, "zebra")

    app.query_params["preview"] = campaign.token
    app.run()
    app.switch_page(links.page_file("rate")).run()

    assert app.sidebar.selectbox(key="frame.choice").value == study.name


@pytest.mark.slow
def test_the_answers_of_each_minute_are_drawn_without_a_chart_that_begins_empty(
    app: AppTest, home: Store, study: Study
) -> None:
    campaign = made(home, study)
    rated(home, campaign)

    at(app, campaign, "Live")

    assert all(not metric.proto.chart_data for metric in app.metric)
    assert any("Answers in each of the last" in element.proto.body for element in app.get("html"))


def test_the_link_for_raters_has_its_warning_on_the_live_view_too(app: AppTest, home: Store, study: Study) -> None:
    campaign = made(home, study)

    at(app, campaign, "Live")

    assert any(code.value.endswith(campaign.token) for code in app.code)
    assert any("Do not open this link in your own browser" in caption.value for caption in app.caption)


@pytest.mark.slow
def test_an_import_asks_about_an_earlier_file_of_this_name_where_it_would_stay(
    app: AppTest, home: Store, study: Study
) -> None:
    opened(app, "campaigns")
    app.selectbox(key="campaigns.target").select("urgency").run()
    labels = [label.name for label in labels_of(home, study)]

    for rater in ("ann", "p1"):
        content = f"item_id,rater_id,label\n1,{rater},{labels[0]}\n2,{rater},{labels[1]}\n"
        app.file_uploader(key="campaigns.file").set_value(("r.csv", content.encode(), "text/csv")).run()
        asked = [box.label for box in app.checkbox if box.key == "campaigns.replace"]
        assert asked == ([] if rater == "ann" else ["It replaces the earlier file of this name"])
        if asked:
            app.checkbox(key="campaigns.replace").check().run()
        app.button(key="campaigns.import").click().run()

    assert "took the place of 2 answers" in " ".join(toast.value for toast in app.toast)
    with home() as session:
        assert len(session.scalars(select(Campaign).where(Campaign.name.startswith("Imported"))).all()) == 1


def labels_of(home: Store, study: Study) -> list[Label]:
    with home() as session:
        return list(tasks.labels_of(session, tasks.get_task(session, study.id, "urgency").id))
