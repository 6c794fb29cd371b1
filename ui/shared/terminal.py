"""The command lines that do in a terminal what a page does, ready to copy."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
import yaml

from core.study.rows.study import Study


def in_terminal(
    study: Study, *commands: Sequence[object], settings: Mapping[str, Any] | None = None, redo: str = ""
) -> None:
    """Draw a fold-out with the command lines that do the same as the page.

    Each command is given as its words without `litmus` and without `--study`. `settings`: what stands in the file of `litmus run`
    for the choices made on the page. `redo`: the study file that `litmus run` takes after these commands; "" for none.
    """
    lines = [command_line(study, command) for command in commands]
    lines += [shlex.join(["litmus", "run", redo])] if redo else []
    with st.expander("The same in a terminal", icon="⌨️"):
        st.code("\n".join(lines), language="bash", wrap_lines=True)
        if redo:
            st.caption("`litmus run` trains every task and every arm of the study, whatever is chosen here.")
        if settings:
            st.caption("In the file of `litmus run`:")
            st.code(
                yaml.safe_dump(dict(settings), sort_keys=False, default_flow_style=None, allow_unicode=True),
                language="yaml",
            )


def command_line(study: Study, command: Sequence[object]) -> str:
    """A command as it is typed, with `--study`."""
    return shlex.join(["litmus", *map(str, command), *(["--study", study.name] if study.name else [])])
