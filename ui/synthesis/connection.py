"""The connection of a study to its models: a panel that tests it and stores it without the API key."""

from typing import Any

import streamlit as st

from core.llm import connection, probe, providers
from core.llm.connection import Connection
from core.study.rows.study import Study
from ui.shared import resources
from ui.shared.words import plain, set_notice, show_errors

PROVIDERS = {"openai": "An endpoint", "local": "A model on this machine", "recorded": "Recorded answers"}
OFFERED = "connection.offered"
SHORT_S, LONGEST_S = 15.0, 120.0  # seconds that a test waits: without a timeout of the connection, and at most
MODEL_HELP = {
    "openai": "The model's name at the endpoint. Several models take turns in one arm, conversation by conversation.",
    "local": "A causal language model: a folder, or a name on the Hugging Face hub. It runs in the job's process.",
}


def pick_connection(study: Study, *, key: str) -> Connection:
    """Draw the panel that tests and stores a study's connection; return the stored connection, by default without models.

    A connection is stored only if its test succeeds. The panel then closes, and the results of the test are shown below.
    """
    with resources.store()() as session:
        kept = connection.of(session.get_one(Study, study.id))
    turn = st.session_state.get(f"{key}.turn", 0)
    with st.expander(
        _title(kept), expanded=not kept.models, icon="🔌", key=f"{key}.connection.{bool(kept.models)}.{turn}"
    ):
        fields = _fields(kept, f"{key}.connection.{study.id}")
        if st.button("Test and keep", key=f"{key}.connect"):
            with show_errors():
                st.session_state[f"{key}.failed"] = _test_and_keep(study, fields, key=key)
                st.rerun()
        for sentence in st.session_state.pop(f"{key}.failed", []):
            st.error(plain(sentence))
    for sentence in st.session_state.get(f"{key}.tested.{study.id}", []) if kept.models else []:
        st.caption(f"✅ {plain(sentence)}")
    return kept


def offered_models(url: str | None) -> list[str]:
    """The names of the models that an endpoint listed in this session's last test; [] before a test."""
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
    """Draw the panel's fields; return their values by the field names of `Connection`."""
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
    servers = {server.base_url: server for server in _detected()} if provider == "openai" else {}
    fields: dict[str, Any] = {"provider": provider}
    with st.container(horizontal=True):
        if provider == "openai":
            addresses = list(dict.fromkeys([kept.base_url or _default_url(), providers.OPENAI_URL, *servers]))
            fields["base_url"] = st.selectbox(
                "Address of the endpoint",
                addresses,
                accept_new_options=True,
                key=f"{key}.url",
                width=360,
                help="Any server with the OpenAI protocol: OpenAI, Azure, Ollama, vLLM, llama.cpp, LM Studio. The list has the "
                "servers found on this machine.",
            )
        server = servers.get(str(fields.get("base_url")))
        stored = kept.models if kept.provider == provider else ()
        offered = [*(server.models if server else ()), *offered_models(fields.get("base_url"))]
        fields["models"] = tuple(
            st.multiselect(
                "Models",
                list(dict.fromkeys([*stored, *offered])),
                default=list(stored),
                accept_new_options=True,
                key=f"{key}.models.{provider}",
                placeholder="Type a name, then Enter",
                width=360,
                help=MODEL_HELP[provider],
            )
        )
    return fields | _limits(kept, key, is_endpoint=provider == "openai")


def _limits(kept: Connection, key: str, *, is_endpoint: bool) -> dict[str, Any]:
    """Draw temperature, answer length and calls at a time, and for an endpoint its own limits; return their values."""
    fields: dict[str, Any] = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        fields["temperature"] = st.number_input(
            "Temperature",
            0.0,
            2.0,
            kept.temperature,
            0.1,
            key=f"{key}.temperature",
            placeholder="model's own",
            width=150,
        )
        fields["max_tokens"] = st.number_input(
            "Tokens per answer", 1, 100_000, kept.max_tokens, key=f"{key}.max_tokens", placeholder="no limit", width=150
        )
        fields["concurrency"] = st.number_input(
            "Calls at a time", 1, 512, kept.concurrency, key=f"{key}.concurrency", width=140
        )
        if is_endpoint:
            fields |= _endpoint_limits(kept, key)
    if is_endpoint:
        has_key = resources.settings().openai_api_key is not None
        st.caption(
            "The API key is read from OPENAI_API_KEY or .streamlit/secrets.toml and never stored. "
            + ("A key is set." if has_key else "No key is set; a local server needs none.")
        )
    return fields


def _endpoint_limits(kept: Connection, key: str) -> dict[str, Any]:
    """Draw the rate, the timeout and the choice of structured output of an endpoint; return their values."""
    fields: dict[str, Any] = {}
    fields["rpm"] = st.number_input(
        "Requests per minute",
        1.0,
        None,
        kept.rpm,
        10.0,
        format="%g",
        key=f"{key}.rpm",
        placeholder="no limit",
        width=150,
    )
    fields["timeout"] = st.number_input(
        "Seconds per answer",
        1.0,
        None,
        kept.timeout,
        60.0,
        format="%g",
        key=f"{key}.timeout",
        placeholder="600",
        width=150,
        help="A call that takes longer is repeated at most once, because the first may be billed too.",
    )
    fields["structured"] = st.toggle(
        "Ask for JSON",
        kept.structured,
        key=f"{key}.structured",
        help="Structured output. Models that do not offer structured output are called without it.",
    )
    return fields


def _test_and_keep(study: Study, fields: dict[str, Any], *, key: str) -> list[str]:
    """Test a connection and store it if every model passes; return a sentence per failed model. Raises `StudyError`.

    If no model is named, the endpoint's list of models is read for the visitor to choose from.
    """
    if fields["provider"] == "openai" and not fields["models"]:
        return [_list_models(fields)]
    wanted = connection.made(**fields)
    with st.spinner("Asking for one word…"):
        patience = min(wanted.timeout or SHORT_S, LONGEST_S)
        tested = connection.test(wanted, resources.settings(), timeout_s=patience)
    _remember(fields, [name for result in tested for name in result.models_there if "@" not in result.model])
    failed = [result.sentence for result in tested if not result.ok]
    if not failed:
        with resources.store().write() as session:
            connection.keep(session, study.id, wanted)
        st.session_state[f"{key}.tested.{study.id}"] = [result.sentence for result in tested]
        st.session_state[f"{key}.turn"] = st.session_state.get(f"{key}.turn", 0) + 1
        set_notice(f"Tested and kept: {', '.join(wanted.models)}.")
    return failed


def _list_models(fields: dict[str, Any]) -> str:
    """Read the endpoint's list of models, and return a sentence that asks the visitor to choose a model."""
    with st.spinner("Asking which models there are…"):
        names = connection.offered(Connection(base_url=fields["base_url"]), resources.settings())
    _remember(fields, names)
    if not names:
        return "Which model? The endpoint lists no models: type a name that it knows, such as gpt-4o-mini."
    return f"Which model? The endpoint offers {len(names):,} models: choose from the list, then test again."


def _remember(fields: dict[str, Any], names: list[str]) -> None:
    """Keep the names of an endpoint's models for this session."""
    if names:
        by_url = st.session_state.setdefault(OFFERED, {})
        by_url[fields.get("base_url") or _default_url()] = sorted(set(names))


@st.cache_data(ttl=60, max_entries=1, show_spinner=False)
def _detected() -> list[probe.Found]:
    return probe.detect(resources.settings())
