"""Programs that run in the foreground as our children, and end with us."""

import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Daemons are not in everybody's PATH.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
START_SECONDS = 30
END_SECONDS = 3
# Ways that listen on a port of ours start anew on another one if somebody was faster.
ATTEMPTS = 5


class Missing(Exception):
    """A program is not installed."""

    def __init__(self, program, how):
        super().__init__(f"skipped: {program} is not installed ({how})")


class Failed(Exception):
    """A program did not start."""


def program(name, package):
    """The path of a program, which Debian has in a package."""
    found = shutil.which(name, path=PATH)
    if not found:
        raise Missing(name, f"apt install {package}")
    return found


def file(path, package):
    """A file that a package brings."""
    if not os.path.exists(path):
        raise Missing(path, f"apt install {package}")
    return path


class Children:
    """Started programs and the temporary folder of their files."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="side-by-side-")
        # Some of them give up root and still write there.
        os.chmod(self.folder, 0o1777)
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name, text):
        """A file in the folder; its path."""
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as opened:
            opened.write(text)
        return path

    def path(self, name):
        return os.path.join(self.folder, name)

    def pids(self):
        return [child.pid for child in self.running]

    def spawn(self, argv, user=None):
        """Starts a program; what it says goes to a file of the folder."""
        child = None
        log = self.path(f"{len(os.listdir(self.folder))}-{os.path.basename(argv[0])}.log")
        with open(log, "wb") as out:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PATH": PATH},
                start_new_session=True,
                preexec_fn=die_with_parent,
                **as_user(user),
            )
        child.log = log
        self.running.append(child)
        return child

    def told(self, argv, pattern):
        """Starts a program that lets the kernel pick its port and tells it: the first group of a pattern."""
        child = self.spawn(argv)
        found = self.wait(child, lambda: re.search(pattern, said(child)))
        if not found:
            raise Failed(f"{os.path.basename(argv[0])} did not start: {last_line(child)}")
        return found.group(1)

    def on_port(self, argv_for, user=None, udp=False):
        """Starts a program that has to be told its port; the port."""
        for _ in range(ATTEMPTS):
            port = free_port()
            argv = argv_for(port)
            child = self.spawn(argv, user)
            if self.wait(child, lambda: receives(port) if udp else listens(port)):
                return port
            self.running.remove(child)
            end_all([child])
        raise Failed(f"{os.path.basename(argv[0])} does not listen: {last_line(child)}")

    def wait(self, child, until):
        """What `until` gives once that is true; nothing if the program ended before, or in time."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            found = until()
            if found:
                return found
            time.sleep(0.02)
        return None

    def end(self):
        """Ends all of them, the last one first."""
        running, self.running = self.running[::-1], []
        end_all(running)


def end_all(children):
    # Some put their own children out of reach of a signal to the group.
    known = {pid for child in children for pid in descendants(child.pid)}
    born = {pid: start_time(pid) for pid in known}
    for child in children:
        send(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_SECONDS
    for child in children:
        try:
            child.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
    for pid in known:
        if born[pid] is not None and start_time(pid) == born[pid]:
            send(pid, signal.SIGKILL)
    for child in children:
        child.wait()


def send(pid, number):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def descendants(pid):
    """A process, and those that it started."""
    found = [pid]
    for one in found:
        try:
            with open(f"/proc/{one}/task/{one}/children", encoding="ascii") as children:
                found.extend(int(child) for child in children.read().split())
        except OSError:
            pass
    return found


def start_time(pid):
    """Tells a process from a later one with its number; nothing if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
            return None if fields[0] == "Z" else fields[19]
    except OSError:
        return None


def die_with_parent():
    """In the child: it is asked to end, with its own children, even if we are killed (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def as_user(user):
    """Root runs a daemon as its own user, as Debian does it."""
    if user is None or os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def said(child):
    with open(child.log, encoding="utf-8", errors="replace") as log:
        return log.read()[-4000:]


def last_line(child):
    lines = said(child).split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receives(port):
    """Somebody has bound the port of UDP."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(f" 0100007F:{port:04X} 00000000:0000 07 " in line for line in table)


def listens(port):
    """Somebody listens on the port, by the kernel's table: a trial connection would be passed on."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        entry = re.compile(rf" (0100007F|00000000):{port:04X} 00000000:0000 0A ")
        return any(entry.search(line) for line in table)
