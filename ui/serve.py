"""`python -m ui.serve`: the dashboard, ready before its first visitor comes. Options are those of `streamlit run`.

Streamlit would show its own menu of the folder `pages` to the first visitor of a server, until `st.navigation` has run
once; and that visitor would wait for every import. Both are settled here, before the server opens.
"""

import sys
from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

import ui
from core.analysis import report
from core.synthesis import generation

WARM = (ui, report, generation)
APP = Path(__file__).parents[1] / "app.py"


def main() -> None:
    PagesManager.uses_pages_directory = False
    cli.main(["run", str(APP), *sys.argv[1:]])


if __name__ == "__main__":
    main()
