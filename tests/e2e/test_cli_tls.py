"""The command line through TLS: whom it believes, what it shows, what it says when it does not."""
from certificates import Authority
from harness import check, eq
from shell import run


def secured(t, *flags, client_pair=None):
    """(URL, authority) of a server that speaks TLS; the test itself shows the pair when it waits for it."""
    authority = Authority(t.directory("certificates"))
    cert, key = authority.pair("server")
    server = t.fresh("--tls-cert", cert, "--tls-key", key, *flags, tls=authority.context(client_pair))
    return f"https://127.0.0.1:{server.port}", authority


def test_an_unknown_authority_is_not_believed(t):
    url, authority = secured(t)
    found = run(url, "queues", code=7)
    check("--ca-cert" in found.err and not found.out, found)
    job_id = run(url, "enqueue", "q", "--ca-cert", authority.cert, "-q").out.strip()
    check("pending" in run(url, "inspect", job_id, env={"CORVO_CA_CERT": authority.cert}).out, "by the environment")
    run(url, "queues", "--ca-cert", "/nowhere.pem", code=2)
    found = run(url.replace("https", "http"), "queues", code=1)
    check("https" in found.err, found)
    run(url.replace("127.0.0.1", "127.0.0.2"), "queues", "--ca-cert", authority.cert, code=7)


def test_a_certificate_is_shown_where_it_is_asked_for(t):
    root = Authority(t.directory("clients"))
    pair = root.pair("worker")
    url, authority = secured(t, "--tls-client-ca", root.cert, client_pair=pair)
    eq(run(url, "queues", "--ca-cert", authority.cert, code=7).out, "")
    run(url, "queues", "--ca-cert", authority.cert, "--client-cert", pair[0], "--client-key", pair[1])
