"""A time-stamp authority (RFC 3161) on the loopback address, made with openssl."""

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

_CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
ess_cert_id_alg = sha256
"""

Answer = Callable[[bytes], tuple[int, bytes]]


class Authority:
    """An authority with a root certificate of its own; `root` is its PEM file."""

    def __init__(self, folder: Path, digests: str = "sha256") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("there is no openssl here")
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        (folder / "serial").write_text("01")
        (folder / "tsa.cnf").write_text(_CONFIGURATION.format(folder=folder, digests=digests))
        (folder / "extensions").write_text(
            "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
        )
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        root = ("-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root")
        self.openssl("req", "-x509", *key, *root)
        signer = ("-keyout", "signer.key", "-out", "signer.csr", "-subj", "/CN=Signer")
        self.openssl("req", *key, *signer)
        authority = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
        extensions = ("-extfile", "extensions", "-out", "signer.pem")
        self.openssl("x509", "-req", "-in", "signer.csr", *authority, *extensions)

    def openssl(self, *arguments: str | Path) -> str:
        command = ["openssl", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def answer(self, query: bytes) -> tuple[int, bytes]:
        """Return the HTTP status and the response to a request."""
        (self.folder / "query.tsq").write_bytes(query)
        files = ("-queryfile", "query.tsq", "-out", "response.tsr")
        self.openssl("ts", "-reply", "-config", "tsa.cnf", *files)
        return 200, (self.folder / "response.tsr").read_bytes()


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """Serve an authority, and yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the client did not wait

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr"
        finally:
            server.shutdown()
            thread.join()
