"""Help: every document is there, and its links lead to documents of the page."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui.help import documents
from ui.shared import links


@pytest.mark.parametrize("name", documents.DOCUMENTS)
def test_every_document_is_shown_with_its_links_leading_to_help(app: AppTest, name: str) -> None:
    app.query_params["doc"] = name
    app.run()
    app.switch_page(str(links.page_file("help"))).run()

    app.selectbox(key="help.doc").set_value(name).run()

    assert not app.exception
    text = app.main.markdown[-1].value
    assert len(text) > 800
    targets = re.findall(r"\]\((?!https?:)([^)]+)\)", text)
    assert [target for target in targets if not target.startswith(("help", "#"))] == []
    assert {target.partition("doc=")[2] for target in targets} - {""} <= set(documents.DOCUMENTS)


def test_a_document_is_looked_for_in_every_place_and_none_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / "gpu.md").write_text("# GPU")

    assert documents.document("gpu", (tmp_path / "checkout", tmp_path / "installed")) == "# GPU"
    assert documents.document("tour", (tmp_path,)) is None
