"""Files are taken from organisers only: Streamlit keeps them in memory for whoever sends them."""

import time
from pathlib import Path

import pytest

from tests.door.conftest import ask
from tests.e2e.conftest import Server
from ui.door import tokens, uploads
from ui.frame import access

PASSWORD = "correct horse battery"
ENVIRON = {"LITMUS_PASSWORD": PASSWORD, "LITMUS_VIEWER_PASSWORD": "another horse battery"}
ADDRESS = f"/{uploads.ADDRESS}/a-session/a-file"


@pytest.mark.slow
def test_only_an_organisers_sign_in_may_send_files(server: Server) -> None:
    home = Path(server.environ["LITMUS_HOME"])
    names, until = access.cookie_names(home), time.time() + 600
    of_organiser = tokens.sign(home, PASSWORD, expires=until)
    of_viewer = tokens.sign(home, ENVIRON["LITMUS_VIEWER_PASSWORD"], expires=until, purpose="viewing")

    for method in ("PUT", "POST", "DELETE"):
        for cookie in ("", f"{names.rater}=1", f"{names.organiser}={of_viewer}", f"{names.organiser}=x"):
            answer = ask(server.port, ADDRESS, method=method, cookie=cookie)
            assert (answer.status, answer.text) == (403, uploads.REFUSAL), (method, cookie)
    assert ask(server.port, ADDRESS, method="PUT", cookie=f"{names.organiser}={of_organiser}").text != uploads.REFUSAL


def test_without_a_sign_in_only_who_is_surely_here_and_no_rater_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LITMUS_HOME", str(tmp_path))
    for name in ("LITMUS_PASSWORD", "LITMUS_PASSWORD_HASH", "LITMUS_OIDC_ISSUER"):
        monkeypatch.delenv(name, raising=False)
    here, rater = {"host": "127.0.0.1:8501"}, {access.cookie_names(tmp_path).rater: "1"}

    assert access.may_upload({}, here)
    assert not access.may_upload(rater, here)
    assert not access.may_upload({}, here | {"x-forwarded-for": "198.51.100.2"})
    assert not access.may_upload({}, {"host": "litmus.example.org"})
