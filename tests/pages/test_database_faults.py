"""Pages of an organiser while the database cannot be used, and the doctor on the page Jobs."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from core import settings as settings_module
from core.study.store import Store
from tests import apps

ROOT = Path(__file__).parents[2]


def test_a_page_whose_database_was_removed_says_so_and_comes_back_with_it(home: Store, app: AppTest) -> None:
    folder = settings_module.load().home
    app.run()
    (folder / "litmus.db").rename(folder / "elsewhere.db")

    app.run()

    assert not app.exception
    assert any("was removed while Litmus had it open" in error.value for error in app.error)

    (folder / "elsewhere.db").rename(folder / "litmus.db")
    app.run()
    assert not app.error


def test_the_doctor_on_jobs_names_what_is_wrong_with_the_home(home: Store) -> None:
    folder = settings_module.load().home
    app = apps.of_file(ROOT / "pages" / "jobs.py")
    app.run()
    folder.chmod(0o755)

    app.toggle(key="jobs.doctor").set_value(True).run()

    assert any("Other users of this machine can enter the home" in text.value for text in app.text)

    folder.chmod(0o700)
    app.button(key="home_check.again").click().run()
    assert not any("Other users" in text.value for text in app.text)
