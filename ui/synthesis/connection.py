"""The connection of a study to its models: a panel that tests it and stores it without the API key."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.jobs import queue, runner
from core.llm import connection, probe, providers
from core.llm.connection import Connection
from core.llm.local import packages
from core.steps import model_jobs
from core.study.rows.kinds import Work
from core.study.rows.study import Study
from ui.shared import jobs, resources
from ui.shared.words import plain, set_notice, set_queued_notice, show_errors

PROVIDERS = {"openai": "An endpoint", "local": "A model on this machine", "recorded": "Recorded answers"}
OFFERED = "connection.offered"
SHORT_S, LONGEST_S = 15.0, 120.0  # seconds that a test waits: without a timeout of the connection, and at most
MODEL_HELP = {
    "openai": "The model's name at the endpoint. Several models take turns in one arm, conversation by conversation.",
    "local": "A causal language model: a model added below, a .gguf file, a folder, or a name on the Hugging Face hub. It runs in "
    "the job's process.",
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
        fields = _fields(_suggested() if kept == Connection() else kept, f"{key}.connection.{study.id}")
        if st.button("Test and keep", key=f"{key}.connect"):
            with show_errors():
                st.session_state[f"{key}.failed"] = _test_and_keep(study, fields, key=key)
                st.rerun()
        for sentence in st.session_state.pop(f"{key}.failed", []):
            st.error(plain(sentence))
        _small_models(key, is_offered=fields["provider"] == "local" or not (kept.models or _servers()))
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
        key=".".join([f"{key}.provider", *(() if kept.models and kept.provider != "local" else _added())]),
    )
    if provider == "recorded":
        path = st.text_input("File of recorded answers", kept.recordings or "", key=f"{key}.recordings", width=420)
        return {"provider": provider, "models": ("recorded",), "recordings": path or None}
    servers = {server.base_url: server for server in _detected()} if provider == "openai" else {}
    added = _added() if provider == "local" else []
    fields: dict[str, Any] = {"provider": provider}
    with st.container(horizontal=True):
        if provider == "openai":
            typed = st.text_input(
                "Address of the endpoint",
                kept.base_url or _default_url(),
                key=f"{key}.url",
                width=360,
                help="Any server with the OpenAI protocol: OpenAI, Azure, Ollama, vLLM, llama.cpp, LM Studio",
            )
            fields["base_url"] = connection.with_scheme(typed or "") or None
            _others(servers, str(fields["base_url"]), key=f"{key}.url")
        server = servers.get(str(fields.get("base_url")))
        stored = kept.models if kept.provider == provider else ()
        offered = [*(server.models if server else ()), *offered_models(fields.get("base_url")), *added]
        fields["models"] = tuple(
            st.multiselect(
                "Models",
                list(dict.fromkeys([*stored, *offered])),
                default=list(stored),
                accept_new_options=True,
                key=".".join([f"{key}.models.{provider}", *added]),
                placeholder="Type a name, then Enter",
                width=360,
                help=MODEL_HELP[provider],
            )
        )
    if provider == "openai" and _servers():
        found = "; ".join(f"{server.name} at {server.base_url} with {_names(server.models)}" for server in _servers())
        st.caption(plain(f"Found on this machine: {found}."))
    return fields | _limits(kept, key, is_endpoint=provider == "openai")


def _others(servers: Mapping[str, probe.Found], address: str, *, key: str) -> None:
    """Draw the other addresses that the field with this key may hold: servers that were found, and OpenAI."""
    known = {url: server.name for url, server in servers.items()} | {providers.OPENAI_URL: "OpenAI"}
    others = {url: name for url, name in known.items() if url != address}
    if others:
        with st.popover("Others", help="Servers that were found, and OpenAI"):
            for url, name in others.items():
                st.button(f"{name}: {plain(url)}", key=f"{key}.{url}", on_click=_use, args=(key, url))


def _use(key: str, address: str) -> None:
    st.session_state[key] = address


def _suggested() -> Connection:
    """What the panel proposes for a study without a connection: a server on this machine, a key, or an added model."""
    settings = resources.settings()
    if settings.openai_base_url:
        return Connection()
    if servers := _servers():
        return Connection(base_url=servers[0].base_url, models=servers[0].models[:1])
    added = _added()
    return (
        Connection(provider="local", models=tuple(added[:1])) if added and not settings.openai_api_key else Connection()
    )


def _servers() -> list[probe.Found]:
    """The servers of language models that answer on this machine."""
    return [found for found in _detected() if found.is_here]


def _names(models: Sequence[str]) -> str:
    more = f" and {len(models) - probe.MOST_NAMED} more" if len(models) > probe.MOST_NAMED else ""
    return f"{', '.join(models[: probe.MOST_NAMED]) or 'no model'}{more}"


def _added() -> list[str]:
    """The names of the packaged models that were added to this machine."""
    home = resources.settings().home
    return [name for name, model in packages.BY_NAME.items() if packages.path(model, home).is_file()]


def _small_models(key: str, *, is_offered: bool) -> None:
    """Draw a button for each packaged model that is not on this machine yet, and the job that adds the model."""
    added = _added()
    for name, model in packages.BY_NAME.items():
        with resources.store()() as session:
            is_busy = queue.active(session, Work.MODEL.key(name)) is not None
        if name not in added and is_offered:
            st.divider()
            st.caption(
                "Without a server or a key, a small model can write weak English on this machine, to see every step at work."
            )
            hint = f"{model.title}, {model.licence}: fetched with pip, unpacked, and run on this machine. {model.about}"
            label = f"Add a small model ({model.megabytes} MB)"
            if st.button(label, key=f"{key}.add.{name}", help=hint, disabled=is_busy):
                with resources.store().write() as session:
                    job = model_jobs.queue_adding(session, model)
                runner.ensure(resources.settings())
                set_queued_notice([job])
                st.rerun()
        if is_busy or (name not in added and is_offered):
            jobs.job_panel(None, of=Work.MODEL.key(name), key=f"{key}.adding.{name}")


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

    If no model is named, the endpoint's list of models is read for the visitor to choose from; a single model is taken.
    """
    if fields["provider"] == "openai" and not fields["models"]:
        names = _list_models(fields)
        if len(names) != 1:
            return [_which_model(names)]
        fields = fields | {"models": tuple(names)}
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


def _list_models(fields: dict[str, Any]) -> list[str]:
    """Read the endpoint's list of models and keep the names for this session, so that the choice of models offers them."""
    with st.spinner("Asking which models there are…"):
        names = connection.offered(Connection(base_url=fields["base_url"]), resources.settings())
    _remember(fields, names)
    return names


def _which_model(names: Sequence[str]) -> str:
    if not names:
        return "Which model? The endpoint lists no models: type a name that it knows, such as gpt-4o-mini."
    return f"Which model? The endpoint offers {len(names):,} models: choose from the list, then test again."


def _remember(fields: dict[str, Any], names: list[str]) -> None:
    """Keep the names of an endpoint's models for this session."""
    if names:
        by_url = st.session_state.setdefault(OFFERED, {})
        by_url[fields.get("base_url") or _default_url()] = sorted(set(names))


@st.cache_data(ttl=30, max_entries=1, show_spinner=False)
def _detected() -> list[probe.Found]:
    return probe.detect(resources.settings())
