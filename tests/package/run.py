#!/usr/bin/python3
"""The installed product: `make install`, the manual pages, the unit, the Debian package. Closes with `N passed, N failed`.

The package is installed, run, upgraded, removed and purged in a root directory that is made of this machine's own
packages (minimal_root.py): as root or by sudo that asks for no password, without a network and without systemd. Without
either only its contents are checked, and that is said.
"""
import gzip
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import minimal_root  # pylint: disable=wrong-import-position

CORVO = os.environ.get("CORVO") or os.path.join(ROOT, "build/release/corvo")
OLDER = "0.0.1~test1"
EXPOSURE_MAX = 1.3  # Of systemd-analyze security: 0 is best. It may only go down.
START_S = 60


def check(truth, text):
    if not truth:
        raise AssertionError(text)


def eq(got, want, what="value"):
    check(got == want, f"{what}: got {got!r}, want {want!r}")


def run(*command, code=0, env=None, **more):
    """Standard output of a command that must end with `code`."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **(env or {})},
                          **more)
    eq(done.returncode, code, f"exit code of {' '.join(command)}; it said:\n{done.stdout}{done.stderr}\n")
    return done.stdout


def note(text):
    print(f"     {text}", flush=True)


def version():
    return re.search(r'VERSION_TEXT "(.*)"', read(os.path.join(ROOT, "src/base/version.h"))).group(1)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class Place:
    """A temporary directory, the two packages in it, and the root that they are installed in."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="corvo-package-")
        os.chmod(self.path, 0o755)
        self.root = os.path.join(self.path, "root")
        self.older = self.build(OLDER)
        self.newer = self.build(version())
        self.server = None

    def build(self, number):
        return run("packaging/debian/build", CORVO, self.path, env={"CORVO_DEB_VERSION": number}).strip()

    def make_root(self):
        os.mkdir(self.root)
        names = minimal_root.make(self.root, run("dpkg-deb", "-f", self.newer, "Pre-Depends", "Depends")
                                  .replace("Pre-Depends: ", "").replace("\nDepends: ", ", ").strip())
        note(f"a root of {len(names)} packages")

    def chroot(self, *command, **more):
        return run("chroot", self.root, *command, **more)

    def dpkg(self, *arguments):
        """Arguments that are paths of packages are copied in."""
        inside = []
        for word in arguments:
            if word.endswith(".deb"):
                shutil.copy(word, self.root + "/tmp/")
                word = "/tmp/" + os.path.basename(word)
            inside.append(word)
        return self.chroot("dpkg", *inside)

    def state(self):
        done = subprocess.run(["chroot", self.root, "dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", "corvo"],
                              capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else "unknown"

    def has(self, path):
        return os.path.lexists(self.root + path)

    def start(self):
        """Starts the installed server as its user, with its configuration; returns its address."""
        command = ["chroot", "--userspec=corvo:corvo", self.root, "/usr/bin/corvo", "server", "--config",
                   "/etc/corvo/corvo.conf", "--bind", "127.0.0.1:0"]
        with open(os.path.join(self.path, "server.log"), "ab") as log:
            self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log,
                                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        check(select.select([self.server.stdout], [], [], START_S)[0], "the server did not start")
        line = self.server.stdout.readline().decode()
        check(line.startswith("listening on "), f"{line!r}; its log:\n{read(self.path + '/server.log')}")
        return line.split()[-1]

    def stop(self):
        self.server.send_signal(signal.SIGTERM)
        eq(self.server.wait(START_S), 0, "the server's exit code")
        self.server.stdout.close()
        self.server = None

    def done(self):
        if self.server is not None:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.path, ignore_errors=True)


def ask(url, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url + path, data, timeout=START_S) as reply:
        return json.load(reply)


# --- What is in the tree ---------------------------------------------------------------------------------------------


def test_manual_pages_are_clean(place):
    pages = sorted(os.listdir(os.path.join(ROOT, "docs/man")))
    check({"corvo.1", "corvo-server.1", "corvo-enqueue.1", "corvo.conf.5"} <= set(pages), pages)
    for page in pages:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", f"docs/man/{page}"],
                              capture_output=True, text=True, check=True, cwd=ROOT,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
        eq(done.stderr, "", f"what man says of {page}")
    del place


def test_the_example_configuration_is_accepted_as_it_is_and_uncommented(place):
    run(CORVO, "config", "check", "--config", "packaging/corvo.conf")
    text = re.sub(r"(?m)^#([a-z0-9-]+ = )", r"\1", read(os.path.join(ROOT, "packaging/corvo.conf")))
    path = os.path.join(place.path, "all.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    out = run(CORVO, "config", "check", "--config", path)
    check(int(re.match(r"ok: (\d+) of", out).group(1)) > 15, out)


def test_the_unit_is_strict(place):
    unit = read(os.path.join(ROOT, "packaging/systemd/corvo.service"))
    for line in ("Type=notify", "WatchdogSec=30", "NoNewPrivileges=yes", "ProtectSystem=strict",
                 "MemoryDenyWriteExecute=yes", "StateDirectory=corvo", "SystemCallFilter=@system-service"):
        check(f"\n{line}\n" in unit, f"no {line}")
    if not shutil.which("systemd-analyze"):
        note("systemd-analyze is not here: the sandbox was not rated")
        return
    path = os.path.join(place.path, "corvo.service")
    with open(path, "w", encoding="utf-8") as file:
        file.write(unit.replace("/usr/bin/corvo", CORVO))
    eq(run("systemd-analyze", "verify", "--man=no", path), "")
    out = run("systemd-analyze", "security", "--offline=yes", path)
    exposure = float(re.search(r"exposure level for corvo.service: ([\d.]+)", out).group(1))
    note(f"exposure {exposure} (0 is best)")
    check(exposure <= EXPOSURE_MAX, f"{exposure}, more than {EXPOSURE_MAX}")


def allowed_calls():
    """What the unit's filter lets through, sets resolved."""
    sets = {}
    for line in run("systemd-analyze", "syscall-filter").splitlines():
        word = line.strip()
        if word.startswith("@") and not line.startswith(" "):
            current = sets.setdefault(word, set())
        elif word and not word.startswith("#") and line.startswith(" "):
            current.add(word)

    def resolve(name):
        return set().union(*(resolve(word) if word.startswith("@") else {word} for word in sets[name]))

    return resolve("@system-service") - resolve("@privileged") - resolve("@resources")


def test_the_filter_lets_through_what_the_server_calls(place):
    if not shutil.which("systemd-analyze"):
        note("systemd-analyze is not here: the filter was not checked")
        return
    trace, data = os.path.join(place.path, "trace"), os.path.join(place.path, "traced")
    os.mkdir(data)
    exe = shutil.copy(CORVO, place.path)  # Where any user may read it.
    user = []
    if os.geteuid() == 0:  # The service is not root, and root calls more: SQLite gives its files to their owner.
        user = ["-u", "nobody"]
        shutil.chown(data, "nobody")
    command = ["strace", "-D", "-f", "-qq", *user, "-o", trace, exe, "server", "--bind", "127.0.0.1:0", "--data-dir", data,
               "--shutdown-timeout", "5s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        url = server.stdout.readline().decode().split()[-1]
        ask(url, "/api/v1/enqueue", {"queue": "q"})
        server.send_signal(signal.SIGHUP)
        ask(url, "/api/v1/fetch", {"queues": ["q"], "worker_id": "w", "wait_ms": 100})
        server.send_signal(signal.SIGTERM)
        eq(server.wait(START_S), 0)
    called = set(re.findall(r"(?m)^\d+ +(\w+)\(", read(trace)))
    check(len(called) > 30, called)
    eq(sorted(called - allowed_calls()), ["prlimit64"] if "prlimit64" not in allowed_calls() else [],
       "calls that the filter refuses (that one may fail)")


def test_make_install_and_uninstall(place):
    stage = os.path.join(place.path, "stage")
    places = {"DESTDIR": stage, "PREFIX": "/opt/corvo", "SYSCONFDIR": "/opt/etc"}
    run("packaging/install", CORVO, "install", env=places)
    eq(run(stage + "/opt/corvo/bin/corvo", "--version"), run(CORVO, "--version"))
    unit = read(stage + "/opt/corvo/lib/systemd/system/corvo.service")
    check("ExecStart=/opt/corvo/bin/corvo server --config /opt/etc/corvo/corvo.conf\n" in unit, unit)
    for path in ("share/man/man1/corvo.1", "share/man/man1/corvo-server.1", "share/man/man1/corvo-enqueue.1",
                 "share/man/man5/corvo.conf.5", "share/bash-completion/completions/corvo",
                 "share/zsh/site-functions/_corvo", "share/fish/vendor_completions.d/corvo.fish",
                 "share/doc/corvo/LICENSE", "share/doc/corvo/docs/user/README.md"):
        check(os.path.exists(f"{stage}/opt/corvo/{path}"), path)
    conf = stage + "/opt/etc/corvo/corvo.conf"
    with open(conf, "a", encoding="utf-8") as file:
        file.write("# mine\n")
    out = run("packaging/install", CORVO, "install", env=places)
    check("kept    /opt/etc/corvo/corvo.conf" in out and "# mine" in read(conf), out)
    run("packaging/install", CORVO, "uninstall", env=places)
    left = [os.path.join(folder, name) for folder, _, names in os.walk(stage) for name in names]
    eq(left, [conf], "what is left")


# --- The package -----------------------------------------------------------------------------------------------------


def test_what_is_in_the_package(place):
    fields = run("dpkg-deb", "-f", place.newer)
    check(f"\nVersion: {version()}\n" in fields, fields)
    for word in ("libc6 (", "librocksdb", "libuv1", "passwd"):
        check(re.search(rf"\nDepends: .*{re.escape(word)}", fields), f"no {word} in {fields}")
    rows = [line.split(None, 5) for line in run("dpkg-deb", "-c", place.newer).splitlines()]
    eq({row[1] for row in rows}, {"root/root"}, "owners")
    paths = {row[5].removeprefix("."): row[0] for row in rows}
    eq(paths["/usr/bin/corvo"], "-rwxr-xr-x")
    for path in ("/usr/lib/systemd/system/corvo.service", "/usr/share/man/man1/corvo-server.1.gz",
                 "/usr/share/doc/corvo/copyright", "/usr/share/doc/corvo/changelog.gz",
                 "/usr/share/doc/corvo/CHANGELOG.md.gz", "/etc/corvo/corvo.conf"):
        check(path in paths, f"no {path}")
    check(all(path.startswith(("/usr/", "/etc/")) or path == "/" for path in paths), paths)
    unpacked = os.path.join(place.path, "unpacked")
    run("dpkg-deb", "-x", place.newer, unpacked)
    with gzip.open(unpacked + "/usr/share/doc/corvo/changelog.gz", "rt") as file:
        path = os.path.join(place.path, "changelog")
        with open(path, "w", encoding="utf-8") as plain:
            plain.write(file.read())
    eq(run("dpkg-parsechangelog", "-l", path, "-S", "Version").strip(), version(), "the changelog's version")
    again = run("packaging/debian/build", CORVO, place.path + "/again").strip()
    with open(place.newer, "rb") as one, open(again, "rb") as two:
        check(one.read() == two.read(), "two builds differ")


def test_install(place):
    place.make_root()
    place.dpkg("-i", place.older)
    eq(place.state(), f"installed {OLDER}")
    eq(place.dpkg("--verify", "corvo"), "", "files that differ")
    account = place.chroot("getent", "passwd", "corvo").strip().split(":")
    eq(account[5:], ["/var/lib/corvo", "/usr/sbin/nologin"])
    data = os.stat(place.root + "/var/lib/corvo")
    eq((oct(data.st_mode & 0o777), data.st_uid), ("0o700", int(account[2])), "/var/lib/corvo")
    conf = os.stat(place.root + "/etc/corvo/corvo.conf")
    eq((oct(conf.st_mode & 0o777), conf.st_uid, conf.st_gid), ("0o640", 0, int(account[3])), "corvo.conf")
    place.chroot("corvo", "config", "check", "--config", "/etc/corvo/corvo.conf")
    check("not found" not in place.chroot("ldd", "/usr/bin/corvo"), "a library is missing")
    check(place.has("/etc/systemd/system/multi-user.target.wants/corvo.service"), "the service is not enabled")


def test_run_and_upgrade(place):
    url = place.start()
    job_id = ask(url, "/api/v1/enqueue", {"queue": "mail", "payload": 1})["job_id"]
    with open(place.root + "/etc/corvo/corvo.conf", "a", encoding="utf-8") as file:
        file.write("\nnode-id = \"node-1\" # mine\n")
    place.dpkg("-i", place.newer)  # The old executable runs on, until the restart.
    eq(place.state(), f"installed {version()}")
    eq(ask(url, f"/api/v1/jobs/{job_id}")["state"], "pending")
    check("# mine" in read(place.root + "/etc/corvo/corvo.conf"), "the configuration was overwritten")
    place.stop()
    url = place.start()
    job = ask(url, "/api/v1/fetch", {"queues": ["mail"], "worker_id": "w", "wait_ms": 1000})
    eq(job["job_id"], job_id)
    ask(url, f"/api/v1/ack/{job_id}", {"lease_token": job["lease_token"]})
    place.stop()
    check(f'written-by = "{version()}"' in read(place.root + "/var/lib/corvo/VERSION"), "VERSION")


def test_remove_keeps_and_purge_removes(place):
    place.dpkg("-r", "corvo")
    check(not place.has("/usr/bin/corvo"), "the executable is left")
    check(place.has("/var/lib/corvo/VERSION") and place.has("/etc/corvo/corvo.conf"), "data or configuration are gone")
    place.dpkg("-i", place.newer)
    url = place.start()
    eq(ask(url, "/api/v1/queues/mail")["name"], "mail")
    place.stop()
    place.dpkg("-P", "corvo")
    eq(place.state(), "unknown")
    for path in ("/var/lib/corvo", "/etc/corvo", "/usr/share/doc/corvo", "/usr/bin/corvo",
                 "/etc/systemd/system/multi-user.target.wants/corvo.service", "/etc/systemd/system/corvo.service",
                 "/var/lib/systemd/deb-systemd-helper-enabled/corvo.service.dsh-also"):
        check(not place.has(path), f"{path} is left")
    eq(run("chroot", place.root, "getent", "passwd", "corvo", code=2), "", "the user")
    left = subprocess.run(["find", place.root, "-name", "*corvo*", "-not", "-path", "*/tmp/*"], capture_output=True,
                          text=True, check=True).stdout
    eq(left, "", "what is left")


ANYWHERE = [test_manual_pages_are_clean, test_the_example_configuration_is_accepted_as_it_is_and_uncommented,
            test_the_unit_is_strict, test_the_filter_lets_through_what_the_server_calls, test_make_install_and_uninstall,
            test_what_is_in_the_package]
AS_ROOT = [test_install, test_run_and_upgrade, test_remove_keeps_and_purge_removes]


def become_root():
    """Begins again by sudo, where that works without a word."""
    if os.geteuid() != 0 and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        os.execvp("sudo", ["sudo", "-n", f"CORVO={CORVO}", sys.executable, os.path.abspath(__file__)])


def main():
    if shutil.which("sudo"):
        become_root()
    place = Place()
    failed = passed = 0
    tests = ANYWHERE + (AS_ROOT if os.geteuid() == 0 else [])
    if os.geteuid() != 0:
        note("not root: the package is not installed")
    try:
        for test in tests:
            try:
                test(place)
                passed += 1
                print(f"ok   {test.__name__}", flush=True)
            except Exception:  # pylint: disable=broad-except
                failed += 1
                print(f"FAIL {test.__name__}\n{traceback.format_exc()}", flush=True)
    finally:
        place.done()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
