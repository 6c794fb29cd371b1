"""A real S3 gateway on this machine: moto's server, in an environment of its own, as it needs older packages than Litmus."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pyarrow import fs

SERVER = Path(os.environ.get("LITMUS_S3_SERVER") or Path(__file__).resolve().parents[2] / ".venv-s3/bin/moto_server")
KEYS = {"AWS_ACCESS_KEY_ID": "akey", "AWS_SECRET_ACCESS_KEY": "a-secret-key"}
PLAIN = {"AWS_REQUEST_CHECKSUM_CALCULATION": "WHEN_REQUIRED", "AWS_EC2_METADATA_DISABLED": "true"}
PATIENCE = 60.0


@contextmanager
def serve(port: int) -> Iterator[str]:
    """The URL of a room in a new bucket; the test is skipped where there is no gateway. Keys have to be in the environment."""
    if not SERVER.exists():
        pytest.skip(f"there is no S3 gateway at {SERVER}: .ci/run installs it")
    server = subprocess.Popen(
        [SERVER, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
                break
            assert time.monotonic() < deadline, "the S3 gateway did not start"
            time.sleep(0.3)
        query = f"endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        system, _ = fs.FileSystem.from_uri(f"s3://bucket?{query}&allow_bucket_creation=true")
        system.create_dir("bucket")
        yield f"s3://bucket/litmus?{query}"
    finally:
        server.kill()
        server.wait()
