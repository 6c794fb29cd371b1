"""Show the pages of the documentation, from the checkout or the installed files; no request leaves the machine."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from ui.shared.words import plain

DOCUMENTS = {
    "tour": "A tour of ten minutes",
    "own-task": "A task of your own",
    "words": "Words: task, arm, run, gap and others",
    "llm": "Your own LLM",
    "labelling": "A labelling session",
    "gpu": "A machine with a GPU",
    "cluster": "A cluster",
    "serving": "Serving others, backups",
    "reference/commands": "Commands",
    "reference/study-file": "The study file",
    "reference/records": "Stored records",
    "methods": "Methods",
}
PLACES = (Path(__file__).parents[2] / "docs", Path(sys.prefix) / "share" / "litmus" / "docs")
IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)\n?")
LINK = re.compile(r"\]\((?:\.\./)?([a-z/-]+)\.md(?:#[^)]*)?\)")
READABLE = 860  # pixels


def help_view() -> None:
    """Draw the choice of a document, which stands in the URL, and the document."""
    names = list(DOCUMENTS)
    asked = st.query_params.get("doc", "")
    with st.container(width=READABLE):
        name = st.selectbox(
            "Read about", names, index=names.index(asked) if asked in names else 0, format_func=DOCUMENTS.__getitem__,
            key="help.doc",
        )  # fmt: skip
        st.query_params["doc"] = name
        text = document(name)
        if text is None:
            st.info(plain(f"The file docs/{name}.md is not here. It comes with the source of Litmus."))
        else:
            st.markdown(text)


def document(name: str, places: Sequence[Path] = PLACES) -> str | None:
    """A document as Markdown, without pictures, its links to other documents leading to this page; None if the file is not there."""
    for place in places:
        path = place / f"{name}.md"
        if path.is_file():
            return LINK.sub(_to_help, IMAGE.sub("", path.read_text(encoding="utf-8")))
    return None


def _to_help(link: re.Match[str]) -> str:
    """The end of a link that leads to a document of this page; a document that is not shown here has no link."""
    named = link[1] if link[1] in DOCUMENTS else f"reference/{link[1]}"
    return f"](help?doc={named})" if named in DOCUMENTS else "](help)"
