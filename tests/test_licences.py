"""Every package that comes with Litmus may come with it, and the page that lists the licences is up to date."""

import re

from tests import licences


def test_every_package_has_a_permissive_licence_or_a_stated_reason() -> None:
    refused = {
        name: licences.licence(each) or "no licence named"
        for name, each in licences.packages().items()
        if name not in licences.KEPT_TO
        and (not licences.licence(each) or licences.unknown_terms(licences.licence(each)))
    }

    assert refused == {}


def test_the_page_lists_every_pinned_package_with_its_licence() -> None:
    pinned = {re.split("==", line)[0] for line in (licences.ROOT / "constraints.txt").read_text().splitlines()}
    listed = dict(re.findall(r"^\| ([a-z0-9-]+) \| (.*?) \|", licences.PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    found = {name: licences.licence(each) for name, each in licences.packages().items() if name in pinned}

    assert len(found) > 50
    assert {name: listed.get(name) for name in found} == found, "run python -m tests.licences"


def test_a_copyleft_licence_would_be_refused() -> None:
    assert licences.unknown_terms("GPL-3.0-only") == ["GPL-3.0-only"]
    assert licences.unknown_terms("MIT AND AGPL-3.0-only") == ["AGPL-3.0-only"]
    assert licences.unknown_terms("GPL-2.0-only OR MIT") == []
