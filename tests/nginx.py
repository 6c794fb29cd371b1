"""nginx from Debian's package in front of dashboards, with the configuration of `deploy/nginx`."""

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import aiohttp

ROOT = Path(__file__).parents[1]
PATH = "/litmus"


def is_here() -> bool:
    """Whether nginx and openssl are installed."""
    return bool(shutil.which("nginx") and shutil.which("openssl"))


def start(folder: Path, port: int, dashboards: Iterable[int]) -> subprocess.Popen[bytes]:
    """Start nginx before the dashboards at these ports; only the files in `place` differ from those in `deploy`.

    What nginx logs is in `folder / "nginx.log"`.
    """
    place = folder / "conf" / "place"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "nginx" / "nginx.conf", place.parent)
    (place / "dashboards.conf").write_text("".join(f"server 127.0.0.1:{each};\n" for each in dashboards))
    (place / "listen.conf").write_text(f"listen 127.0.0.1:{port} ssl;\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", place / "litmus.key", "-out", place / "litmus.crt"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    with (folder / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen(
            ["nginx", "-p", f"{folder}/", "-c", str(place.parent / "nginx.conf")], stdout=log, stderr=log
        )
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return nginx
        time.sleep(0.1)
    raise TimeoutError((folder / "nginx.log").read_text())


def browser(folder: Path, cookie: str = "") -> aiohttp.ClientSession:
    """A browser that trusts the certificate of the nginx of this folder, and keeps its cookies."""
    trusted = ssl.create_default_context(cafile=str(folder / "conf" / "place" / "litmus.crt"))
    jar = aiohttp.CookieJar(unsafe=True)
    name, _, value = cookie.partition("=")
    if name:
        jar.update_cookies({name: value})
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), cookie_jar=jar)
