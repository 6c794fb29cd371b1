"""The licences of all packages that an installation of Litmus brings, in docs/licences.md, from their metadata.

python -m tests.licences        # write it anew, in an environment with requirements.txt; a test says when it is out of date
"""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licences.md"
# What may come with Litmus (Apache-2.0): permissive licences, and the Mozilla licence, whose terms end with its own files.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python",
    "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Zlib",
}  # fmt: skip
# Packages whose licence asks for more, with the reason why it is kept to.
KEPT_TO = {
    "psycopg": "LGPL-3.0: used unchanged as a library of its own, which anybody can replace; only for PostgreSQL",
    "psycopg-binary": "LGPL-3.0: as psycopg",
}
SPELLINGS = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}


def packages() -> dict[str, metadata.Distribution]:
    """Name -> distribution of every package that requirements.txt brings to this machine, directly or through another."""
    found: dict[str, metadata.Distribution] = {}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    waiting = [Requirement(line) for line in (line.partition("#")[0].strip() for line in lines) if line]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name not in found:
            found[name] = metadata.distribution(name)
            waiting += _needed(found[name], wanted.extras)
    return dict(sorted(found.items()))


def licence(distribution: metadata.Distribution) -> str:
    """The licence that a package names, in the spelling of SPDX where it is known; "" if it names none."""
    about = distribution.metadata
    if expression := about.get("License-Expression"):
        return expression
    classified = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if "License ::" in each]
    named = classified or [line for line in (about.get("License") or "").splitlines()[:1] if line.strip()]
    return " OR ".join(SPELLINGS.get(each, each) for each in named)


def unknown_terms(named: str) -> list[str]:
    """The terms of a licence expression that are not among the allowed ones; of alternatives (OR) one is enough."""
    alternatives = [re.split(r" AND ", one.strip(" ()")) for one in re.split(r" OR ", named)]
    unknown = [[term for term in terms if term.strip(" ()") not in ALLOWED] for terms in alternatives]
    return min(unknown, key=len)


def page() -> str:
    """The page: every package with its licence."""
    lines = [
        "# Licences of the packages\n",
        "Made from the packages' own metadata by `python -m tests.licences`; a test refuses a package whose licence is not permissive.\n",
        "Litmus is under the Apache licence 2.0. These packages come with `requirements.txt` on Linux without a GPU; PyTorch for "
        "NVIDIA GPUs brings NVIDIA's libraries too, under NVIDIA's licence.\n",
        "| package | licence | |",
        "|---|---|---|",
        *(f"| {name} | {licence(each)} | {KEPT_TO.get(name, '')} |" for name, each in packages().items()),
    ]
    return "\n".join(lines) + "\n"


def _needed(distribution: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    requirements = [Requirement(each) for each in distribution.requires or []]
    return [
        each
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in (*extras, ""))
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
