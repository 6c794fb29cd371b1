"""What ui takes from inside Streamlit: if a new version moves a name or changes its parameters, the message says where it is used."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st

ROOT = Path(__file__).parents[2]
# Name in a module of Streamlit -> the parameters that ui relies on, None for anything that is not called, and its use.
INTERNALS = {
    "streamlit.cli_util.open_browser": (["url"], "ui/serve.py opens the dashboard after the start"),
    "streamlit.config.get_option": (["key"], "ui/serve.py and ui/frame/access.py read options"),
    "streamlit.config.is_manually_set": (["option_name"], "ui/serve.py chooses the address to open"),
    "streamlit.runtime.pages_manager.PagesManager": (None, "ui/serve.py switches off the menu of the folder pages"),
    "streamlit.runtime.scriptrunner.script_runner": (None, "ui/serve.py makes garbage collection cheaper"),
    "streamlit.runtime.scriptrunner.get_script_run_ctx": ([], "ui/frame/clicks.py asks whether a part of a page runs"),
    "streamlit.runtime.state.session_state": (None, "ui/frame/clicks.py checks every click"),
    "streamlit.web.bootstrap.load_config_options": (["flag_options"], "ui/serve.py applies the options"),
    "streamlit.web.cli.main_run": (None, "ui/serve.py parses the options of `streamlit run`"),
    "streamlit.web.server.server_util.get_url": (["host_ip"], "ui/serve.py opens the dashboard after the start"),
    "streamlit.web.server.server_util.get_display_address": (["address"], "ui/serve.py opens the dashboard after the start"),
    "streamlit.elements.lib.column_types.ColumnConfig": (None, "ui/shared/tables.py names a type"),
    "streamlit.runtime.uploaded_file_manager.UploadedFile": (None, "ui/shared/uploads.py names a type"),
    "streamlit.components.v2.component": (["name", "html", "css", "js"], "ui/frame/access.py, ui/rate/memory.py, look.py"),
}  # fmt: skip


def test_every_name_is_where_ui_imports_it_from() -> None:
    problems = [problem for name, (wanted, use) in INTERNALS.items() if (problem := difference(name, wanted, use))]

    assert not problems, f"Streamlit {st.__version__} has moved what ui needs:\n" + "\n".join(problems)


def test_a_moved_name_and_a_changed_parameter_are_reported_with_their_use() -> None:
    gone = difference("streamlit.web.bootstrap.load_options", ["flag_options"], "ui/serve.py")
    changed = difference("streamlit.web.bootstrap.load_config_options", ["options"], "ui/serve.py")

    assert gone == "streamlit.web.bootstrap.load_options is gone (ui/serve.py)"
    assert "load_config_options takes ['flag_options'], not ['options'] (ui/serve.py)" in changed


@pytest.mark.parametrize("path", sorted((ROOT / "ui").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_ui_imports_nothing_else_from_inside_streamlit(path: Path) -> None:
    imported = {
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "streamlit"
        for name in node.names
    }

    listed = {name for known in INTERNALS for name in (known, known.rpartition(".")[0])}
    assert imported <= listed, f"add to INTERNALS of {__name__}: {sorted(imported - listed)}"


def test_the_server_can_switch_off_the_menu_of_the_folder_pages() -> None:
    from streamlit.runtime.pages_manager import PagesManager

    assert "uses_pages_directory" in vars(PagesManager), "PagesManager.uses_pages_directory is gone (ui/serve.py, main)"
    assert "if PagesManager.uses_pages_directory is None" in inspect.getsource(PagesManager), (
        "PagesManager no longer keeps a value that was set before (ui/serve.py, main)"
    )


def test_a_run_of_a_page_collects_garbage_by_a_name_that_can_be_replaced() -> None:
    from streamlit.runtime.scriptrunner import script_runner

    calls = [line.strip() for line in inspect.getsource(script_runner).splitlines() if "gc.collect(" in line]

    assert calls == ["gc.collect(2)"], f"script_runner collects garbage by {calls} (ui/serve.py, collect_less)"


def test_every_callback_is_called_in_one_place_that_can_be_checked() -> None:
    from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext
    from streamlit.runtime.state.session_state import SessionState

    message = "SessionState calls callbacks elsewhere (ui/frame/clicks.py)"
    assert "self._call_callbacks(" in inspect.getsource(SessionState.on_script_will_rerun), message
    assert inspect.getsource(SessionState).count("._call_callbacks(") == 1, message
    assert "fragment_ids_this_run" in ScriptRunContext.__dataclass_fields__, message


def test_a_read_of_the_session_state_asks_for_interruptions_in_one_place_that_can_be_held() -> None:
    from streamlit.runtime.state.safe_session_state import SafeSessionState

    message = "SafeSessionState ends a callback elsewhere (ui/frame/clicks.py, _undisturbed)"
    assert "_yield_callback" in SafeSessionState.__annotations__, message
    assert "self._yield_callback()" in inspect.getsource(SafeSessionState.__getitem__), message


def test_the_options_of_streamlit_run_are_parsed_without_starting_a_server() -> None:
    from streamlit.web import cli

    params = cli.main_run.make_context("streamlit run", ["app.py", "--server.port=8601"]).params

    message = "the command line of `streamlit run` has other parameters (ui/serve.py, main)"
    assert params["target"] == "app.py", message
    assert params["server_port"] == 8601, message


def test_the_web_application_takes_middleware_routes_and_a_lifespan() -> None:
    assert {"script_path", "middleware", "routes", "lifespan"} <= set(inspect.signature(st.App).parameters)
    assert "config" in inspect.signature(st.App.run).parameters


def test_the_servers_options_can_be_changed_before_it_is_made() -> None:
    from streamlit.web.server.starlette import starlette_server

    made = inspect.getsource(starlette_server.UvicornRunner.run)

    assert "import uvicorn" in made, "UvicornRunner takes uvicorn from elsewhere (ui/serve.py, main)"
    assert "uvicorn.Config(" in made, "UvicornRunner makes its options otherwise (ui/serve.py, main)"


def difference(name: str, wanted: list[str] | None, use: str) -> str:
    """How a name differs from what ui relies on, with its use; "" if it does not."""
    module, _, attribute = name.rpartition(".")
    try:
        owner = importlib.import_module(module)
        found = getattr(owner, attribute, None) or importlib.import_module(name)
    except ImportError:
        return f"{name} is gone ({use})"
    if wanted is None:
        return ""
    parameters = list(inspect.signature(found).parameters)
    return "" if parameters[: len(wanted)] == wanted else f"{name} takes {parameters}, not {wanted} ({use})"


@pytest.mark.slow
def test_the_dashboard_is_imported_before_its_server_without_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import ui"], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )

    assert "WARNING" not in done.stderr
