"""Plans of runs: new and existing runs, their training texts, and refusals."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core.errors import StudyError
from core.jobs import carried as carried_runs
from core.settings import Settings
from core.steps import train
from core.study import tasks
from core.study.rows.kinds import Split
from core.study.rows.study import Arm, Label, Run, Sample, Study, Task
from core.study.store import Store
from core.training import fingerprints, plan, selection
from core.training.fitting import run_data
from core.training.settings import TrainingSettings, first_seeds, training_settings
from tests.training.conftest import BLAME, PRAISE, SETTINGS, add_samples, sentences


def plan_all(session: Session, task: Task, **changes: object) -> plan.Planned:
    asked = {"arms": tasks.arms(session, task.id), "encoders": ["minilm"], "seeds": [0, 1], "settings": SETTINGS}
    return plan.plan(session, task=task, **(asked | changes))


def new_arm(session: Session, task: Task, *, good: int, bad: int, name: str = "few-shot") -> Arm:
    arm = tasks.make_arm(session, task_id=task.id, name=name)
    add_samples(session, arm, label="good", texts=spare(PRAISE, good))
    add_samples(session, arm, label="bad", texts=spare(BLAME, bad))
    return arm


def spare(ends: list[str], n: int) -> list[str]:
    """Sentences that no other arm contains."""
    return [f"{text} today" for text in sentences(ends, n)]


def counts(choice: selection.Choice) -> dict[str, int]:
    return dict(Counter(choice.samples["label"]))


@pytest.mark.parametrize(
    ("n", "good", "bad", "short"),
    [(2, 1, 1, 0), (20, 10, 10, 0), (30, 20, 10, 5), (40, 30, 10, 10), (90, 30, 10, 50)],
)
def test_a_choice_is_balanced_until_a_label_runs_out(
    store: Store, task: Task, n: int, good: int, bad: int, short: int
) -> None:
    with store.write() as session:
        arm = new_arm(session, task, good=30, bad=10)

        choice = selection.choose_training_samples(session, arm, n=n, seed=0)

    assert counts(choice) == {"good": good, "bad": bad}
    assert choice.short == short
    assert choice.samples["sample_id"].nunique() == good + bad


def test_an_odd_number_of_texts_differs_by_one_between_labels(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = new_arm(session, task, good=20, bad=20)

        choice = selection.choose_training_samples(session, arm, n=13, seed=0)

    assert sorted(counts(choice).values()) == [6, 7]


def test_a_natural_choice_keeps_the_shares_of_the_labels(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = new_arm(session, task, good=30, bad=10)

        whole = selection.choose_training_samples(session, arm, n=40, seed=0, balance="natural")
        draws = [
            counts(selection.choose_training_samples(session, arm, n=20, seed=seed, balance="natural"))
            for seed in range(40)
        ]

    assert counts(whole) == {"good": 30, "bad": 10}
    assert 0.7 < sum(draw["good"] for draw in draws) / (40 * 20) < 0.8


def test_a_balance_is_part_of_a_fingerprint_and_its_default_changes_no_earlier_one() -> None:
    samples = pd.DataFrame({"exact": ["a"], "label": ["good"]})
    earlier, natural = TrainingSettings(), TrainingSettings(balance="natural")

    assert "balance" not in earlier.model_dump()
    assert training_settings(natural.model_dump()) == natural
    first, second = (
        fingerprints.fingerprint(encoder="minilm", seed=0, settings=settings, train=samples, test=samples)
        for settings in (earlier, natural)
    )
    assert first != second


def test_runs_without_early_stopping_keep_the_fingerprints_of_earlier_ones() -> None:
    """The first two digests are of the code before runs with early stopping had a version of their own; the third was theirs."""
    samples = pd.DataFrame({"exact": ["1", "2"], "label": ["x", "y"]})
    plain, balanced, early = (
        fingerprints.fingerprint(
            encoder="minilm", seed=0, settings=TrainingSettings(steps=6, **changes), train=samples, test=samples
        )
        for changes in ({}, {"class_weights": "balanced"}, {"stop": "early"})
    )

    assert plain == "2c45f047542b83fe9cb302a9aa7fcc20314fb32bcc1478784a32795db786c340"
    assert balanced == "31795a66f4745cd09b6e100607b4a36f63214df2b2fe1e4f9da5ff8ee4299945"
    assert early != "e90106b2dbf78b1a91ccdf0137c82f8d038d7597cf08efe70467056c59cb2afa"


def test_runs_with_early_stopping_of_an_earlier_version_are_never_compared_with_new_ones() -> None:
    samples = pd.DataFrame({"exact": ["1"], "label": ["x"]})
    now = fingerprints.recorded(TrainingSettings(steps=6, stop="early"), test=samples)
    before = {name: value for name, value in now.items() if name != "stopping"}

    assert fingerprints.conditions(now, n_train=9) != fingerprints.conditions(before, n_train=9)


def test_early_stopping_keeps_out_a_tenth_of_the_real_and_of_the_synthetic_texts_of_a_mix(
    store: Store, task: Task
) -> None:
    early = SETTINGS.model_copy(update={"stop": "early"})
    with store.write() as session:
        real, written = tasks.get_arm(session, task, "real"), new_arm(session, task, good=40, bad=40)
        test = selection.test_samples(session, task)
        mix = selection.run_texts(session, written, test=test, n=104, seed=3, settings=early, n_real=24)
        alone = selection.run_texts(session, real, test=test, n=24, seed=3, settings=early)

    real_texts = set(alone.chosen["sample_id"])
    kept_out = mix.validation.assign(is_real=mix.validation["sample_id"].isin(real_texts))
    assert kept_out.groupby(["is_real", "label"]).size().to_dict() == {
        (False, "bad"): 4, (False, "good"): 4, (True, "bad"): 1, (True, "good"): 1,
    }  # fmt: skip
    assert set(kept_out[kept_out["is_real"]]["sample_id"]) == set(alone.validation["sample_id"])
    assert len(mix.train) + len(mix.validation) == len(mix.chosen) == 104


def test_an_encoder_that_only_one_folder_can_find_is_refused(store: Store, task: Task) -> None:
    with store.write() as session, pytest.raises(StudyError, match="Give its whole path"):
        plan.plan(
            session,
            task=task,
            arms=tasks.arms(session, task.id),
            encoders=["minilm", "./enc"],
            seeds=[0],
            settings=SETTINGS,
        )


def test_other_weights_in_the_folder_of_an_encoder_make_another_run(store: Store, task: Task, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_text("old")
    ids = []
    for weights in ("old", "old", "new"):
        (tmp_path / "model.safetensors").write_text(weights)
        with store.write() as session:
            made = plan.plan(
                session,
                task=task,
                arms=[tasks.get_arm(session, task, "real")],
                encoders=[str(tmp_path)],
                seeds=[0],
                settings=SETTINGS,
            )
            ids += [run.id for run in (*made.new, *made.existing)]

    assert ids[0] == ids[1] != ids[2]
    with store() as session:
        old, new = (session.get_one(Run, run_id).config for run_id in (ids[0], ids[2]))
        assert fingerprints.conditions(old, n_train=9) != fingerprints.conditions(new, n_train=9)
        assert run_data.read(session, ids[2]) is not None
        with pytest.raises(StudyError, match="files in .* have changed since"):
            run_data.read(session, ids[0])


def test_balancing_a_skewed_real_arm_is_said_beside_its_score(store: Store, task: Task) -> None:
    with store.write() as session:
        new_arm(session, task, good=20, bad=4)
        add_samples(session, tasks.get_arm(session, task, "real"), label="good", texts=spare(PRAISE, 30))
        equal = plan_all(session, task, seeds=[0])
        settings = SETTINGS.model_copy(update={"balance": "natural"})
        arms = tasks.arms(session, task.id)
        natural = plan.plan(session, task=task, arms=arms, encoders=["minilm"], seeds=[0], settings=settings)
        real = tasks.get_arm(session, task, "real").id

    notes = {run.arm_id: " ".join(run.config["notes"]) for run in equal.new}
    assert "equally many texts of each label, though 78 % of its texts are good" in notes[real]
    assert all("balance: natural" not in notes[arm.id] for arm in arms if arm.id != real)
    assert not any("balance: natural" in note for run in natural.new for note in run.config["notes"])
    assert {run.config["training"]["balance"] for run in natural.new} == {"natural"}


def test_a_choice_depends_on_the_seed_and_not_on_the_order_of_import(store: Store, task: Task) -> None:
    with store.write() as session:
        one = new_arm(session, task, good=30, bad=30)
        other = tasks.make_arm(session, task_id=task.id, name="few-shot-turned")
        add_samples(session, other, label="bad", texts=spare(BLAME, 30)[::-1])
        add_samples(session, other, label="good", texts=spare(PRAISE, 30)[::-1])

        first, again, turned, reseeded = (
            list(selection.choose_training_samples(session, arm, n=20, seed=seed).samples["text_hash"])
            for arm, seed in ((one, 0), (one, 0), (other, 0), (one, 1))
        )

    assert first == again == turned
    assert set(first) != set(reseeded)


def test_only_kept_training_texts_are_chosen(store: Store, task: Task) -> None:
    with store.write() as session:
        real = tasks.get_arm(session, task, "real")
        add_samples(session, real, label="good", texts=sentences(PRAISE, 1))  # a duplicate, so rejected

        choice = selection.choose_training_samples(session, real, n=100, seed=0)
        splits = set(session.scalars(select(Sample.split).where(Sample.id.in_(choice.samples["sample_id"].tolist()))))

    assert len(choice.samples) == 24
    assert splits == {Split.TRAIN}


def test_a_plan_has_a_run_for_every_arm_encoder_and_seed(store: Store, task: Task) -> None:
    with store.write() as session:
        planned = plan_all(session, task, encoders=["minilm", "other", "minilm"], seeds=[0, 1, 1])

    assert len(planned.new) == 2 * 2 * 2
    assert planned.existing == []
    assert len({run.fingerprint for run in planned.new}) == 8


def test_planning_twice_makes_nothing_new(store: Store, task: Task) -> None:
    with store.write() as session:
        first = plan_all(session, task)
    with store.write() as session:
        second = plan_all(session, task)
        stored = session.scalar(select(func.count(Run.id)))

    assert second.new == []
    assert [run.id for run in second.existing] == [run.id for run in first.new]
    assert stored == 4


def test_every_arm_trains_on_as_many_texts_as_the_smallest_has(store: Store, task: Task) -> None:
    with store.write() as session:
        planned = plan_all(session, task)

    assert {run.n_train for run in planned.new} == {20}


def test_the_training_size_of_the_task_is_kept_to(store: Store, task: Task) -> None:
    with store.write() as session:
        session.get_one(Task, task.id).train_size = 12
        planned = plan_all(session, session.get_one(Task, task.id))

    assert {run.n_train for run in planned.new} == {12}
    assert planned.new[0].config["notes"] == []


def test_an_arm_that_cannot_give_the_training_size_is_refused_with_what_it_has(store: Store, task: Task) -> None:
    with (
        pytest.raises(StudyError, match="train_size asks for 500"),
        store.write() as session,
    ):
        session.get_one(Task, task.id).train_size = 500
        plan_all(session, session.get_one(Task, task.id))


def test_an_arm_short_of_balance_says_so(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = new_arm(session, task, good=20, bad=4)
        planned = plan_all(session, task, arms=[arm], seeds=[0])

    assert planned.new[0].config["notes"] == ["Arm few-shot is 8 texts short of balance; it trains on good 20, bad 4."]


def test_another_training_label_makes_new_runs_for_that_arm_alone(store: Store, task: Task) -> None:
    with store.write() as session:
        before = plan_all(session, task)
        written = tasks.get_arm(session, task, "zero-shot")
        bad = session.scalars(select(Label.id).where(Label.name == "bad")).one()
        turned = session.scalars(select(Sample.id).where(Sample.arm_id == written.id)).first()
        session.execute(update(Sample).where(Sample.id == turned).values(label_id=bad))

        after = plan_all(session, task)

    assert len(before.new) == 4
    assert {run.arm_id for run in after.new} == {written.id}


def test_another_test_text_makes_new_runs_for_every_arm(store: Store, task: Task) -> None:
    with store.write() as session:
        plan_all(session, task)
        real = tasks.get_arm(session, task, "real")
        add_samples(session, real, label="bad", texts=["nobody liked it"], split=Split.TEST)

        after = plan_all(session, task)

    assert len(after.new) == 4


@pytest.mark.parametrize("change", [{"steps": 7}, {"batch_size": 4}, {"learning_rate": 1e-4}, {"max_length": 64}])
def test_other_settings_make_new_runs(store: Store, task: Task, change: dict[str, float]) -> None:
    with store.write() as session:
        plan_all(session, task)

        after = plan_all(session, task, settings=SETTINGS.model_copy(update=change))

    assert len(after.new) == 4


def test_an_arm_without_training_texts_is_refused(store: Store, task: Task) -> None:
    with store.write() as session:
        tasks.make_arm(session, task_id=task.id, name="few-shot")

        with pytest.raises(StudyError, match="Arm 'few-shot' of task 'reviews' has no training texts"):
            plan_all(session, task)


def test_a_label_without_training_texts_is_refused(store: Store, task: Task) -> None:
    with store.write() as session:
        new_arm(session, task, good=5, bad=0)

        with pytest.raises(StudyError, match="no training text labelled 'bad'"):
            plan_all(session, task)


@pytest.mark.parametrize(("gone", "said"), [(["good", "bad"], "no real test texts"), (["bad"], "labelled 'bad'")])
def test_a_test_split_without_a_label_is_refused(store: Store, task: Task, gone: list[str], said: str) -> None:
    labels = select(Label.id).where(Label.name.in_(gone))
    with store.write() as session:
        session.execute(delete(Sample).where(Sample.split == Split.TEST, Sample.label_id.in_(labels)))

        with pytest.raises(StudyError, match=said):
            plan_all(session, task)


@pytest.mark.parametrize("nothing", ["arms", "encoders", "seeds"])
def test_asking_for_nothing_is_refused(store: Store, task: Task, nothing: str) -> None:
    with store.write() as session, pytest.raises(StudyError, match="at least one"):
        plan_all(session, task, **{nothing: []})


def test_a_seed_out_of_range_is_refused(store: Store, task: Task) -> None:
    with store.write() as session, pytest.raises(StudyError, match="found -1"):
        plan_all(session, task, seeds=[-1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stepz": 5}, "did you mean 'steps'"),
        ({"steps": 0}, "steps"),
        ({"steps": 10.5}, "steps"),
        ({"batch_size": -1}, "batch_size"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"max_length": 4}, "max_length"),
        ({"balance": "by luck"}, "balance"),
    ],
)
def test_settings_out_of_range_are_refused_with_their_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        training_settings(given)


def test_settings_left_out_have_the_values_of_the_design() -> None:
    settings = training_settings({})

    assert (settings.steps, settings.batch_size, settings.learning_rate, settings.max_length) == (None, 32, 5e-5, 128)


def test_a_text_of_the_real_test_split_is_never_trained_on(store: Store, task: Task) -> None:
    with store.write() as session:
        arm = new_arm(session, task, good=10, bad=10)
        add_samples(session, arm, label="good", texts=sentences(PRAISE, 8, start=12))

        choice = selection.choose_training_samples(session, arm, n=100, seed=0)
        tested = selection.test_samples(session, task)

    assert len(choice.samples) == 20
    assert not set(choice.samples["text_hash"]) & set(tested["text_hash"])


def test_an_arm_cut_to_the_smallest_says_so(store: Store, task: Task) -> None:
    with store.write() as session:
        new_arm(session, task, good=2, bad=2)
        planned = plan_all(session, task, seeds=[0])

    notes = {run.arm_id: " ".join(run.config["notes"]) for run in planned.new}
    with store() as session:
        by_name = {arm.name: notes[arm.id] for arm in tasks.arms(session, task.id)}
    assert "trains on 4 of its 24 texts" in by_name["real"] and "smallest one, few-shot" in by_name["real"]
    assert "trains on 4 of its 20 texts" in by_name["zero-shot"]
    assert "of its" not in by_name["few-shot"] and "too few" in by_name["few-shot"]


def test_texts_that_differ_only_in_case_make_another_run(store: Store, task: Task) -> None:
    with store.write() as session:
        before = plan_all(session, task, seeds=[0]).new
        changed = session.scalars(select(Sample).where(Sample.arm_id == before[0].arm_id, Sample.split == Split.TRAIN))
        for sample in changed:
            sample.text = sample.text.upper()
        after = plan_all(session, task, seeds=[0])

    assert [run.arm_id for run in after.new] == [before[0].arm_id]
    assert before[0].config["test"] == after.new[0].config["test"]


def test_everything_in_the_way_of_a_plan_is_told_at_once(store: Store, task: Task) -> None:
    with store.write() as session:
        thin = new_arm(session, task, good=3, bad=0)
        coming = new_arm(session, task, good=0, bad=0, name="other")
        task.train_size = 22
        arms = tasks.arms(session, task.id)
        found = plan.obstacles(session, task=task, arms=arms, to_come={coming.id: 10})
        enough = plan.obstacles(session, task=task, arms=[arms[0], coming], to_come={coming.id: 11})

    told = dict(found)
    assert set(told) == {"zero-shot", thin.name, "other"}
    assert "has 20 training texts" in told["zero-shot"] and "has 20 training texts" in told["other"]
    assert "no training text labelled 'bad'" in told[thin.name]
    assert enough == []


@pytest.mark.parametrize(
    ("asked", "n", "steps"),
    [({}, 280, 200), ({}, 900, 282), ({}, 6000, 1875), ({"passes": 3}, 6000, 563), ({"passes": 0.5}, 10, 200),
     ({"passes": 0.5, "least_steps": 1}, 10, 1), ({"steps": 7}, 6000, 7), ({"least_steps": 50}, 100, 50)],
)  # fmt: skip
def test_steps_follow_from_passes_over_the_texts_with_a_floor(asked: dict[str, float], n: int, steps: int) -> None:
    assert training_settings(asked).for_texts(n).length == steps


def test_steps_and_passes_at_once_are_refused() -> None:
    with pytest.raises(StudyError, match="give either steps, or passes"):
        training_settings({"steps": 10, "passes": 3})


def test_a_rule_that_gives_the_steps_of_a_finished_run_finds_this_run_and_names_the_rule(
    store: Store, task: Task, planned: list[int]
) -> None:
    rule = SETTINGS.model_copy(update={"steps": None, "passes": 1.0, "least_steps": 6})
    with store.write() as session:
        arms = tasks.arms(session, task.id)
        again = plan.plan(session, task=task, arms=arms, encoders=["minilm"], seeds=[0], settings=rule)

    assert [run.id for run in again.existing] == planned and not again.new
    assert all(run.config["rule"] == {"passes": 1.0, "least_steps": 6} for run in again.existing)
    assert all(run.config["training"]["steps"] == 6 for run in again.existing)


@pytest.mark.parametrize("name", ["steps", "passes", "least_steps", "batch_size", "learning_rate", "weight_decay"])
def test_a_yes_where_a_number_belongs_is_refused(name: str) -> None:
    with pytest.raises(StudyError, match=f"{name}: this is a yes or no; a number is needed"):
        training_settings({name: True})


def test_a_check_of_the_steps_makes_runs_apart_that_the_comparison_takes_over(store: Store, task: Task) -> None:
    with store.write() as session:
        asked = {"task": task, "arms": tasks.arms(session, task.id), "encoders": ["a"], "seeds": [0]}
        own = plan.plan(session, **asked, settings=SETTINGS)
        half = plan.plan(session, **asked, settings=SETTINGS, times=0.5)
        twice = plan.plan(session, **asked, settings=SETTINGS, times=2.0)
        again = plan.plan(session, **asked, settings=SETTINGS, times=2.0)
        longer = plan.plan(session, **asked, settings=SETTINGS.model_copy(update={"steps": 12}))

    assert [run.config["training"]["steps"] for run in (own.new[0], half.new[0], twice.new[0])] == [6, 3, 12]
    assert [run.purpose for run in own.new + half.new] == ["comparison"] * 2 + ["steps-check"] * 2
    assert again.existing == twice.new
    assert longer.existing == twice.new
    assert {run.purpose for run in longer.existing} == {"comparison"}


def test_a_limit_per_label_is_for_every_arm_and_only_where_the_task_has_no_size_of_its_own(
    store: Store, task: Task
) -> None:
    def sizes(per_label: int) -> tuple[set[int], set[str]]:
        limited = SETTINGS.model_copy(update={"per_label": per_label})
        with store.write() as session:
            session.execute(delete(Run))
            made = plan_all(session, session.merge(task), settings=limited).new
        return {run.n_train for run in made}, {note for run in made for note in run.config["notes"]}

    few, told = sizes(4)
    many, short = sizes(3000)
    with store.write() as session:
        session.execute(update(Task).values(train_size=10))
    task.train_size = 10

    assert few == {8} and "Arm real trains on 8 of its 24 texts: at most 4 a label were asked for." in told
    assert many == {20}
    assert short == {
        "Every arm trains on 20 texts, the size of the smallest one, zero-shot; 3,000 a label were asked for."
    }
    assert sizes(4)[0] == {10}


def test_a_run_limited_per_label_is_the_run_of_a_task_of_that_size(store: Store, task: Task) -> None:
    with store.write() as session:
        limited = plan_all(session, task, settings=SETTINGS.model_copy(update={"per_label": 4})).new
        task.train_size = 8
        again = plan_all(session, task)

    assert not again.new
    assert {run.id for run in again.existing} == {run.id for run in limited}


def test_a_preset_gives_the_settings_that_are_not_said() -> None:
    paper = training_settings({"preset": "paper", "steps": 50})

    assert paper == TrainingSettings(per_label=3000, batch_size=64, learning_rate=5e-5, max_length=128, steps=50)
    assert "preset" not in paper.model_dump() and training_settings(paper.model_dump()) == paper
    assert training_settings({"preset": "quick", "batch_size": 8}) == TrainingSettings(batch_size=8)
    with pytest.raises(StudyError, match=r"preset.*'paper' or 'quick'"):
        training_settings({"preset": "papper"})


def test_a_sweep_is_dealt_out_over_all_slots_of_the_gpus(store: Store, task: Task, settings: Settings) -> None:
    def jobs(slots_per_gpu: int) -> list[int]:
        machine = replace(settings, gpus=2, slots_per_gpu=slots_per_gpu)
        with store.write() as session:
            arms = tasks.arms(session, task.id)
            request = train.TrainingRequest([task], arms, ["minilm"], [0, 1, 2], SETTINGS)
            study = session.get_one(Study, task.study_id)
            queued = train.queue_training(session, machine, study=study, request=request).jobs
            found = [len(job.command[-1].split(",")) for job in queued]
            session.rollback()
        return found

    assert jobs(1) == [3, 3]
    assert sorted(jobs(3)) == [1] * 6


def test_training_jobs_that_were_queued_together_are_told_apart_by_their_titles(
    store: Store, task: Task, settings: Settings
) -> None:
    with store.write() as session:
        arms = tasks.arms(session, task.id)[:1]
        study = session.get_one(Study, task.study_id)
        request = train.TrainingRequest([task], arms, ["minilm"], [0, 1, 2], SETTINGS)
        queued = train.queue_training(session, replace(settings, slots=2), study=study, request=request).jobs

    assert sorted(job.title.split(" · ")[0] for job in queued) == ["Train 1 run", "Train 2 runs"]
    assert all(f" · {task.name} · {arms[0].name} · " in job.title for job in queued)
    assert sorted(job.title[-13:] for job in queued) == ["(part 1 of 2)", "(part 2 of 2)"]


def test_a_job_trains_seed_by_seed_so_that_early_gaps_have_an_interval(
    store: Store, task: Task, settings: Settings
) -> None:
    with store.write() as session:
        study = session.get_one(Study, task.study_id)
        request = train.TrainingRequest([task], tasks.arms(session, task.id), ["minilm"], [2, 0, 1], SETTINGS)
        jobs = train.queue_training(session, replace(settings, slots=2), study=study, request=request).jobs
        carried = [[session.get_one(Run, number) for number in carried_runs.run_ids(job)] for job in jobs]

        assert [len(runs) for runs in carried] == [3, 3]
        assert all([run.seed for run in runs] == sorted(run.seed for run in runs) for runs in carried)
        early = [(run.arm_id, run.seed) for runs in carried for run in runs[:2]]
        assert sorted(Counter(arm for arm, _ in early).values()) == [2, 2]


@pytest.mark.parametrize("queue", [train.queue_training, train.queue_steps_check])
@pytest.mark.parametrize("missing", ["tasks", "arms"])
def test_a_request_without_a_run_is_refused_and_not_said_to_be_done_before(
    store: Store, task: Task, settings: Settings, queue: Callable[..., train.Queued], missing: str
) -> None:
    with store() as session:
        arms = tasks.arms(session, task.id)
        study = session.get_one(Study, task.study_id)
    request = replace(train.TrainingRequest([task], arms, ["minilm"], [0], SETTINGS), **{missing: []})

    with pytest.raises(StudyError, match="Choose a task, an arm and an encoder"), store.write() as session:
        queue(session, settings, study=study, request=request)


def test_the_seeds_of_a_study_come_before_any_other() -> None:
    assert [first_seeds([11, 12, 13], n) for n in (2, 3, 5)] == [[11, 12], [11, 12, 13], [11, 12, 13, 0, 1]]
    assert first_seeds([1, 3], 5) == [1, 3, 0, 2, 4] and first_seeds([], 2) == [0, 1]
