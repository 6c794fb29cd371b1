"""Walk as five people and print their clicks and seconds: `python -m benchmarks.journeys`.

    python -m benchmarks.journeys [--people newcomer,rater] [--texts FILE.csv] [--tables FOLDER] [--pictures FOLDER]

`--texts` is the practitioner's table of labelled texts, `--tables` a folder with at least ten of them (columns text and label) for
the researcher. Every walk begins in an empty home on a server of its own.
"""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks.journeys.people import PEOPLE
from core.analysis.reports.pack import pictures
from tests.e2e.walking import real_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", default=",".join(PEOPLE))
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--tables", type=Path)
    parser.add_argument("--pictures", type=Path, default=Path(tempfile.gettempdir()) / "litmus-journeys")
    asked = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory(prefix="litmus-journeys-") as place:
        browser = playwright.chromium.launch(executable_path=pictures.browser(), args=["--no-sandbox"])
        for name in asked.people.split(","):
            folder = Path(place) / name
            folder.mkdir()
            own: dict[str, object] = {}
            if name == "practitioner":
                own = {"texts": asked.texts or real_file(folder)}
            if name == "researcher":
                if asked.tables is None:
                    print("researcher: left out, for --tables names no folder of tables")
                    continue
                own = {"tables": sorted(asked.tables.glob("*.csv"))[:10]}
            print(name, flush=True)
            PEOPLE[name](browser, folder, asked.pictures, **own)
        browser.close()


if __name__ == "__main__":
    main()
