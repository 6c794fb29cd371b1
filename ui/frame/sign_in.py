"""Sign-in and sign-out: the forms that ask for a password, the organiser's key or a sign-in at the provider, and what follows."""

import html
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core.errors import StudyError
from ui.door import ended, local, passwords, tokens
from ui.door import guesses as guesses_of
from ui.door.oidc import routes
from ui.frame import access
from ui.frame.access import Visitor
from ui.shared import resources, words

WAIT_AFTER_A_WRONG_ONE, WAIT_WHEN_REFUSED = 1.0, 3.0
logger = logging.getLogger(__name__)


def refuse() -> None:
    """Tell a rater's browser that the page is closed to it, and draw the form by which an organiser gets back in."""
    settings = resources.settings()
    st.error(
        "This page is for the organisers of the study. This browser was used to open a rater's link, so it shows the rating "
        "page only. To go on rating, open that link again."
    )
    if settings.asks_sign_in:
        _ask_sign_in()
    elif local.why_not_local():
        st.write(_needs_a_password())
    else:
        _ask_key(settings.home)


def ask_password() -> None:
    """Draw the sign-in form; if neither a password nor a provider is set on a server that others can reach, say what to set.

    A read-only link that holds no more is said above it.
    """
    if access.view_link():
        st.error("This read-only link has ended. Please ask whoever sent it to you for another.")
        if not resources.settings().asks_sign_in:
            return
    if not resources.settings().asks_sign_in:
        st.error(_needs_a_password())
    else:
        _ask_sign_in()


def sign_out_button() -> None:
    """Draw the sign-out button, if the server asks for a sign-in, and say so if the password is short."""
    settings = resources.settings()
    if settings.asks_sign_in:
        st.button("Sign out", key="access.sign_out", type="tertiary", on_click=_sign_out)
        if passwords.is_short(settings) and not resources.reads_only():
            st.caption(f"The password is short: choose one of at least {passwords.LEAST_LENGTH} characters.")


def _needs_a_password() -> str:
    return words.plain(
        f"{local.why_not_local()}, so the organiser's pages need a password: set LITMUS_PASSWORD and start the server again."
    )


def _ask_key(home: Path) -> None:
    with words.show_errors():
        key = tokens.organiser_key(home)
        st.write(
            "If you are the organiser, give the organiser's key. It is the line in the file "
            f"{words.plain(tokens.key_file(home).name)} of the folder in which Litmus keeps its data (LITMUS_HOME, here "
            f"{words.plain(home.name)})."
        )
        _ask(
            lambda typed: Visitor.ORGANISER if passwords.same(typed.strip(), key) else None,
            label="Organiser's key",
            button="Open the organiser's pages",
            wrong="That is not the organiser's key.",
        )


def _ask_sign_in() -> None:
    """Ask for a sign-in at the provider, the password, or either of the two, and say why the last sign-in opened nothing."""
    settings = resources.settings()
    if settings.oidc is not None:
        if sentence := routes.why_refused(settings.oidc, st.query_params.get(routes.TOLD, "")):
            st.error(words.plain(sentence))
        address = html.escape(access.cookie_path() + routes.BEGIN)
        st.html(f'<a class="litmus-provider" href="{address}">Sign in with {html.escape(settings.oidc.host)}</a>')
    if settings.organiser_secret is not None:
        _ask_password()


def _ask_password() -> None:
    settings = resources.settings()

    def whose(typed: str) -> Visitor | None:
        if passwords.is_organisers(settings, typed):
            return Visitor.ORGANISER
        return Visitor.VIEWER if passwords.is_viewers(settings, typed) else None

    _ask(
        whose,
        label="Organiser's or viewer's password" if settings.viewer_secret else "Organiser's password",
        button="Sign in",
        wrong="That is not the password.",
    )


def _ask(whose: Callable[[str], Visitor | None], *, label: str, button: str, wrong: str) -> None:
    """Draw a form that asks for a secret; `whose` says who knows it, and `wrong` is said after a wrong answer."""
    with st.form("frame.login", width=420):
        typed = st.text_input(label, type="password", key="frame.password")
        is_only_way = resources.settings().oidc is None
        if st.form_submit_button(button, type="primary" if is_only_way else "secondary"):
            found = _try(typed, whose, wrong)
            if isinstance(found, Visitor):
                _let_in(found)
            st.error(found)


def _try(typed: str, whose: Callable[[str], Visitor | None], wrong: str) -> Visitor | str:
    """Check a secret: who knows it, else why it is refused, after a pause of this session alone.

    A guess that comes too soon is not checked at all. Wrong guesses are logged.
    """
    guesser, guesses = _guesser(), _guesses()
    wait = guesses.admit(guesser, time.monotonic())
    if not wait and (who := whose(typed)) is not None:
        guesses.succeeded(guesser)
        return who
    if wait:
        time.sleep(WAIT_WHEN_REFUSED)
        return f"There were too many wrong answers: wait {math.ceil(wait)} seconds, then try again."
    logger.warning("Wrong organiser's password or key from %s, %d in a row.", guesser, guesses.count(guesser))
    time.sleep(WAIT_AFTER_A_WRONG_ONE)
    return wrong


def _guesser() -> str:
    """Who a wrong guess counts against: this browser if an organiser signed in with it before, else the visitor's address."""
    settings = resources.settings()
    known = st.context.cookies.to_dict().get(access.cookie_names(settings.home).known, "")
    secret = settings.organiser_secret
    if secret and known and tokens.is_signed(settings.home, secret, known, now=time.time(), purpose="known"):
        return f"the known browser {known.split('.')[1]}"
    return guesses_of.network(st.context.ip_address)


def _let_in(who: Visitor) -> None:
    """Make this session an organiser's or a viewer's; its cookies follow in the next run."""
    settings, state = resources.settings(), st.session_state
    state["access.rater"] = False
    for name, parameter in (("access.campaign", "campaign"), (access.VIEW, "view")):
        state.pop(name, None)
        st.query_params.pop(parameter, None)
    state["access.tell"] = "lifted"
    secret = settings.viewer_secret if who is Visitor.VIEWER else settings.organiser_secret
    if secret is not None:
        expires, purpose = time.time() + access.SIGNED_IN, access.PURPOSES[who]
        state["access.token"] = tokens.sign(settings.home, secret, expires=expires, purpose=purpose)
        state["access.tell"] = state["access.token"]
    st.rerun()


def _sign_out() -> None:
    """End this sign-in in this session, in other open tabs, in the browser, and at other dashboards on the same home."""
    settings, token, now = resources.settings(), access.session_token(), time.time()
    st.session_state["access.token"] = st.session_state["access.tell"] = ""
    if access.signed_in_as(settings, token, now=now) is None:
        return
    with words.show_errors():
        try:
            ended.end(settings.home, token, expires=int(token.partition(".")[0]), now=now)
        except OSError as error:
            raise StudyError(
                f"The sign-out could not be stored ({error.strerror}): this browser is signed out, but a copy of its cookie stays "
                "valid for up to 12 hours. Change the password to end it."
            ) from error


@st.cache_resource(show_spinner=False)
def _guesses() -> guesses_of.Guesses:
    """The wrong guesses at this server, shared by all sessions."""
    return guesses_of.Guesses()
