"""The model that prompts are sent to: chosen once for a study, tested in words, kept without its key."""

from typing import Any

import streamlit as st

from core.llm import connection, probe, providers
from core.llm.connection import Connection
from core.study.rows.study import Study
from ui.shared import resources
from ui.shared.words import done, plain, problem

PROVIDERS = {"openai": "An endpoint", "local": "A model on this machine", "recorded": "Recorded answers"}
OFFERED = "connection.offered"
SHORT_S, LONGEST_S = 15.0, 120.0  # how long a test waits: the time for an answer where it is set
MODEL_HELP = {
    "openai": "As the endpoint calls it. Several models are mixed in one arm, conversation by conversation.",
    "local": "A causal language model: a folder, or its name on the Hugging Face hub. It runs in the worker.",
}


def pick_connection(study: Study, *, key: str) -> Connection:
    """What this study is connected to, with a panel to change and to test it. Only what passes its test is kept.

    The panel closes when a connection is kept, also a second time; what its test showed stands under it.
    """
    with resources.store()() as session:
        kept = connection.of(session.get_one(Study, study.id))
    turn = st.session_state.get(f"{key}.turn", 0)
    with st.expander(
        _title(kept), expanded=not kept.models, icon="🔌", key=f"{key}.connection.{bool(kept.models)}.{turn}"
    ):
        asked = _fields(kept, f"{key}.connection.{study.id}")
        if st.button("Test and keep", key=f"{key}.connect"):
            with problem():
                st.session_state[f"{key}.failed"] = _keep_and_test(study, asked, key=key)
                st.rerun()
        for sentence in st.session_state.pop(f"{key}.failed", []):
            st.error(plain(sentence))
    for sentence in st.session_state.get(f"{key}.tested.{study.id}", []) if kept.models else []:
        st.caption(f"✅ {plain(sentence)}")
    return kept


def offered_models(url: str | None) -> list[str]:
    """The models that an endpoint listed when a connection to it was last tested in this session."""
    return list(st.session_state.get(OFFERED, {}).get(url or _default_url(), []))


def _title(kept: Connection) -> str:
    if not kept.models:
        return "No model is connected yet"
    where = {"local": "this machine", "recorded": "recorded answers"}.get(
        kept.provider, kept.base_url or _default_url()
    )
    return f"Connected to **{plain(', '.join(kept.models))}** · {plain(where)}"


def _default_url() -> str:
    return resources.settings().openai_base_url or providers.OPENAI_URL


def _fields(kept: Connection, key: str) -> dict[str, Any]:
    """What is typed in the panel, as the fields of a connection."""
    provider = st.segmented_control(
        "Where the model is",
        list(PROVIDERS),
        default=kept.provider,
        required=True,
        format_func=PROVIDERS.__getitem__,
        key=f"{key}.provider",
    )
    if provider == "recorded":
        path = st.text_input("File of recorded answers", kept.recordings or "", key=f"{key}.recordings", width=420)
        return {"provider": provider, "models": ("recorded",), "recordings": path or None}
    found = {place.base_url: place for place in _detected()} if provider == "openai" else {}
    given: dict[str, Any] = {"provider": provider}
    with st.container(horizontal=True):
        if provider == "openai":
            addresses = list(dict.fromkeys([kept.base_url or _default_url(), providers.OPENAI_URL, *found]))
            given["base_url"] = st.selectbox(
                "Address of the endpoint",
                addresses,
                accept_new_options=True,
                key=f"{key}.url",
                width=360,
                help="Anything that speaks the OpenAI protocol: OpenAI, Azure, Ollama, vLLM, llama.cpp, LM Studio. "
                "Local servers that answer are offered.",
            )
        place = found.get(str(given.get("base_url")))
        mine = kept.models if kept.provider == provider else ()
        given["models"] = tuple(
            st.multiselect(
                "Models",
                list(dict.fromkeys([*mine, *(place.models if place else ()), *offered_models(given.get("base_url"))])),
                default=list(mine),
                accept_new_options=True,
                key=f"{key}.models.{provider}",
                placeholder="Type a name, then Enter",
                width=360,
                help=MODEL_HELP[provider],
            )
        )
    return given | _limits(kept, key, is_endpoint=provider == "openai")


def _limits(kept: Connection, key: str, *, is_endpoint: bool) -> dict[str, Any]:
    given: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        given["temperature"] = st.number_input(
            "Temperature",
            0.0,
            2.0,
            kept.temperature,
            0.1,
            key=f"{key}.temperature",
            placeholder="model's own",
            width=150,
        )
        given["max_tokens"] = st.number_input(
            "Tokens an answer", 1, 100_000, kept.max_tokens, key=f"{key}.max_tokens", placeholder="no limit", width=150
        )
        given["concurrency"] = st.number_input(
            "Calls at a time", 1, 512, kept.concurrency, key=f"{key}.concurrency", width=140
        )
        if is_endpoint:
            given |= _of_endpoint(kept, key)
    if is_endpoint:
        has_key = resources.settings().openai_api_key is not None
        st.caption(
            "The key is read from OPENAI_API_KEY or .streamlit/secrets.toml and never stored. "
            + ("A key is set." if has_key else "No key is set: fine for a local server.")
        )
    return given


def _of_endpoint(kept: Connection, key: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    given["rpm"] = st.number_input(
        "Requests a minute",
        1.0,
        None,
        kept.rpm,
        10.0,
        format="%g",
        key=f"{key}.rpm",
        placeholder="no limit",
        width=150,
    )
    given["timeout"] = st.number_input(
        "Seconds an answer",
        1.0,
        None,
        kept.timeout,
        60.0,
        format="%g",
        key=f"{key}.timeout",
        placeholder="600",
        width=150,
        help="One that takes longer is asked for once more at most, as it may be billed all the same.",
    )
    given["structured"] = st.toggle(
        "Ask for JSON",
        kept.structured,
        key=f"{key}.structured",
        help="Structured output. A model that does not offer it is asked without.",
    )
    return given


def _keep_and_test(study: Study, asked: dict[str, Any], *, key: str) -> list[str]:
    """Test a connection, and keep it when every model passes; what is wrong otherwise. Raises `StudyError`.

    Without a model the endpoint is asked which ones it has, to choose from.
    """
    if asked["provider"] == "openai" and not asked["models"]:
        return [_listed(asked)]
    wanted = connection.made(**asked)
    with st.spinner("Asking for one word…"):
        patience = min(wanted.timeout or SHORT_S, LONGEST_S)
        tested = connection.test(wanted, resources.settings(), timeout_s=patience)
    _remember(asked, [name for one in tested for name in one.models_there if "@" not in one.model])
    failed = [one.sentence for one in tested if not one.ok]
    if not failed:
        with resources.store().write() as session:
            connection.keep(session, study.id, wanted)
        st.session_state[f"{key}.tested.{study.id}"] = [one.sentence for one in tested]
        st.session_state[f"{key}.turn"] = st.session_state.get(f"{key}.turn", 0) + 1
        done(f"Tested and kept: {', '.join(wanted.models)}.")
    return failed


def _listed(asked: dict[str, Any]) -> str:
    """What to do when no model is named yet, once the endpoint was asked for its list."""
    with st.spinner("Asking which models there are…"):
        there = connection.offered(Connection(base_url=asked["base_url"]), resources.settings())
    _remember(asked, there)
    if not there:
        return "Which model? Give the name the endpoint knows it by, such as gpt-4o-mini: it lists none."
    return f"Which model? The endpoint offers {len(there):,}: choose from the list, then test again."


def _remember(asked: dict[str, Any], names: list[str]) -> None:
    if names:
        found = st.session_state.setdefault(OFFERED, {})
        found[asked.get("base_url") or _default_url()] = sorted(set(names))


@st.cache_data(ttl=60, max_entries=1, show_spinner=False)
def _detected() -> list[probe.Found]:
    return probe.detect(resources.settings())
