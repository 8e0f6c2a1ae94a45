"""A root directory with the essential packages of this machine and what a package depends on, and nothing else.

It is made of the files that dpkg knows here, so it needs no network and takes seconds; what a package forgot to depend
on is not there.
"""
import os
import re
import shutil
import stat
import subprocess

LEFT_OUT = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/usr/share/lintian/")
FIELDS = ("Package", "Status", "Essential", "Depends", "Pre-Depends", "Provides")
DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def installed():
    """name -> its fields, of every installed package; virtual names are there, too."""
    form = "\\t".join("${" + field + "}" for field in FIELDS) + "\\n"
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in output("dpkg-query", "-W", "-f", form).splitlines()]
    rows = [row for row in rows if row["Status"].endswith(" installed")]
    found = {row["Package"]: row for row in rows}
    for row in rows:
        for name in names_of(row["Provides"]):
            found.setdefault(name[0], row)
    return found


def names_of(relation):
    """A Depends line as a list of lists of alternatives, without versions."""
    return [[re.sub(r"[ (:\[].*", "", word.strip()) for word in part.split("|")]
            for part in relation.split(",") if part.strip()]


def closure(wanted, known):
    """The names of all packages that `wanted` (a Depends line) and the essential ones need."""
    todo = [row["Package"] for row in known.values() if row["Essential"] == "yes"]
    for alternatives in names_of(wanted):
        there = [name for name in alternatives if name in known]
        if not there:
            raise ValueError(f"none of {alternatives} is installed here")
        todo.append(known[there[0]]["Package"])
    done = set()
    while todo:
        name = todo.pop()
        if name not in done:
            done.add(name)
            for alternatives in names_of(known[name]["Depends"] + "," + known[name]["Pre-Depends"]):
                todo += [known[word]["Package"] for word in alternatives if word in known][:1]
    return sorted(done)


def copy(path, root):
    target = root + path
    if os.path.lexists(target) or path.startswith(LEFT_OUT) or not os.path.lexists(path):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink(path), target)
    elif stat.S_ISDIR(mode):
        os.makedirs(target, exist_ok=True)
        os.chmod(target, stat.S_IMODE(mode))
    else:
        shutil.copy2(path, target)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def copy_dpkg(packages, root):
    """dpkg's own knowledge of these packages."""
    database = root + "/var/lib/dpkg"
    for folder in ("info", "updates", "triggers", "alternatives"):
        os.makedirs(f"{database}/{folder}", exist_ok=True)
    with open("/var/lib/dpkg/status", encoding="utf-8") as file:
        stanzas = file.read().split("\n\n")
    kept = [stanza for stanza in stanzas
            if re.match(r"Package: (\S+)", stanza) and re.match(r"Package: (\S+)", stanza).group(1) in packages]
    write(f"{database}/status", "\n\n".join(kept) + "\n\n")
    write(f"{database}/available", "")
    for name in os.listdir("/var/lib/dpkg/info"):
        if re.split(r"[:.]", name)[0] in packages and name.endswith((".list", ".md5sums", ".conffiles")):
            shutil.copy2(f"/var/lib/dpkg/info/{name}", f"{database}/info/{name}")


def make(root, wanted):
    """Fills `root` (an empty directory) for a package that depends on `wanted`; returns the packages' names."""
    packages = closure(wanted, installed())
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink("/" + name):
            os.makedirs(root + "/" + os.readlink("/" + name), exist_ok=True)
            os.symlink(os.readlink("/" + name), root + "/" + name)
    for path in output("dpkg", "-L", *packages).splitlines():
        if path.startswith("/") and path != "/.":
            copy(path, root)
    for name, source in (("passwd", "passwd.master"), ("group", "group.master")):
        shutil.copy("/usr/share/base-passwd/" + source, f"{root}/etc/{name}")
    for folder, mode in (("dev", 0o755), ("proc", 0o755), ("tmp", 0o1777), ("run", 0o755), ("var/log", 0o755),
                         ("var/lib", 0o755)):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
        os.chmod(f"{root}/{folder}", mode)
    for name, numbers in DEVICES.items():
        os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(*numbers))
        os.chmod(f"{root}/dev/{name}", 0o666)
    copy_dpkg(set(packages), root)
    subprocess.run(["chroot", root, "/sbin/ldconfig"], check=True, capture_output=True)
    return packages
