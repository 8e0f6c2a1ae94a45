"""Certificates for the tests of TLS: an authority and what it signed, made by openssl."""
import os
import ssl
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def run(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """A directory with ca.pem; `pair` adds certificates to it."""

    def __init__(self, directory):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.cert, self.key = self.path("ca.pem"), self.path("ca.key")
        run("req", "-x509", *KEY, "-keyout", self.key, "-out", self.cert, "-days", "60", "-subj", "/CN=test authority",
            "-addext", "basicConstraints=critical,CA:TRUE")

    def path(self, name):
        return os.path.join(self.directory, name)

    def pair(self, name, days=60):
        """(certificate, key) of a server or a client on this machine. Days below zero: expired."""
        cert, key, request, extra = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        with open(extra, "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        run("req", *KEY, "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        run("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-out", cert,
            "-days", str(days), "-extfile", extra)
        return cert, key

    def context(self, pair=None):
        """What a client uses that trusts this authority, and shows the pair."""
        context = ssl.create_default_context(cafile=self.cert)
        if pair:
            context.load_cert_chain(*pair)
        return context
