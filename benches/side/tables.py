"""What `tuncat bench --json` printed, as Markdown."""

import re
import subprocess

from children import PATH, Missing
from envoy import envoy_program

GIB = 1 << 30
PACKAGES = ["apache2-bin", "connect-proxy", "corkscrew", "haproxy", "libnginx-mod-stream", "ncat", "netcat-openbsd"]
PACKAGES += ["nghttp2-proxy", "openssh-server", "proxytunnel", "socat", "squid", "tinyproxy-bin"]


class Group:
    """The measurements of ways that were compared with each other."""

    def __init__(self, about):
        # What is compared, and what to know about it.
        self.title, _, text = about.partition("\n")
        self.text = " ".join(text.split())
        # By the name of the run.
        self.runs = {}
        self.command_lines = []
        # Names of ways, and why they are not there.
        self.left_out = []


def document(groups, command):
    parts = [
        "# Side by side",
        "",
        f"Made by `{command}`, which starts every program on the loopback of one machine and measures with nothing but"
        " `tuncat bench`; the command lines are at the end. Load generator, programs and target share the cores, so a"
        " figure says something next to the others of its table and little by itself. Programs have their hidden limits"
        " off and no logs, as many threads or workers as there are cores where they have any, and are otherwise as they"
        " come: buffers and windows too.",
        "",
        *environment(groups),
    ]
    for group in groups.values():
        parts += ["", f"## {group.title}", "", *([group.text, ""] if group.text else []), *tables(group), *notes(group)]
    parts += ["", "## Command lines", "", "Each block stands for as many command lines as have `-m`: all begin alike."]
    for group in groups.values():
        parts += ["", "```sh", *group.command_lines, "```"] if group.command_lines else []
    return "\n".join(parts).rstrip()


def environment(groups):
    objects = [run for group in groups.values() for run in group.runs.values()]
    if not objects:
        return []
    e = objects[0]["start"]["environment"]
    loads = [run["start"]["environment"]["load_average"][0] for run in objects]
    s = objects[0]["start"]["settings"]
    return [
        f"- tuncat {e['version']} ({e['build']} build, {e['target']}) on {e['cores']} cores, {e['cpu']}; Linux"
        f" {e['kernel']}, {e['congestion_control']}, loopback MTU {e['loopback_mtu']}; load average before the first run"
        f" {loads[0]} (its own load later: up to {max(loads)})",
        f"- {s['rounds']} interleaved rounds, {short(s['time_seconds'])} s for each way and measurement in all, after"
        f" {short(s['warm_up_seconds'])} s to warm up each time; ± is half of a 95 % interval over the rounds; a ratio to the direct way is not shown"
        " where its interval holds 1",
        f"- {', '.join(versions())}",
    ]


def versions():
    query = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package} ${Version}\n", *PACKAGES]
    try:
        out = subprocess.run(query, capture_output=True, text=True, check=False, env={"PATH": PATH}).stdout
    except OSError:
        out = ""
    found = [line[3:].strip() for line in out.splitlines() if line.startswith("ii")]
    try:
        envoy = subprocess.run([envoy_program(), "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"version: \w+/([^/]+)/", envoy)
        found.insert(0, f"Envoy {version.group(1)}" if version else "Envoy")
    except Missing:
        pass
    return found or ["versions unknown"]


def tables(group):
    names = []
    for run in group.runs.values():
        names += [lane["name"] for lane in run["lanes"] if lane["name"] not in names]
    throughput = {
        "one stream up, Gbit/s": lambda n: rate(group, "stream", n, "upload"),
        "of direct": lambda n: ratio(group, "stream", n, "upload"),
        "down": lambda n: rate(group, "stream", n, "download"),
        "of direct ": lambda n: ratio(group, "stream", n, "download"),
        "CPU s/GiB": lambda n: cpu(group, "stream", n),
        "16 streams up": lambda n: rate(group, "streams", n, "upload"),
        "down ": lambda n: rate(group, "streams", n, "download"),
        "CPU s/GiB ": lambda n: cpu(group, "streams", n),
    }
    others = {
        "ping p50, us": lambda n: times(group, "ping", n, "ping", "p50"),
        "of direct": lambda n: ratio(group, "ping", n, "ping"),
        "p99": lambda n: times(group, "ping", n, "ping", "p99"),
        "1000/s: p50": lambda n: times(group, "paced", n, "ping", "p50"),
        "p99 ": lambda n: times(group, "paced", n, "ping", "p99"),
        "opens/s": lambda n: value(measured(group, "open", n, "open")),
        "p50, ms": lambda n: times(group, "open", n, "open", "p50", 1000),
        "p99, ms": lambda n: times(group, "open", n, "open", "p99", 1000),
        "kB/idle tunnel": lambda n: idle(group, n),
        "survived": lambda n: survived(group, n),
    }
    return [
        "CPU seconds are those of the programs between generator and target, both directions together.",
        "",
        *table(names, throughput),
        "",
        "Pings have 64 bytes, one after the other; at 1000/s their times count from when they were due. An open lasts until the first byte is"
        " back. Idle memory is that of the programs between.",
        "",
        *table(names, others),
    ]


def table(names, columns):
    lines = [["way", *(column.strip() for column in columns)], ["---", *("---:" for _ in columns)]]
    lines += [[name, *(cell(name) for cell in columns.values())] for name in names]
    return ["| " + " | ".join(line) + " |" for line in lines]


def measured(group, run, name, mode):
    for lane in group.runs.get(run, {"lanes": []})["lanes"]:
        if lane["name"] == name:
            for one in lane["measured"]:
                if one["mode"] == mode:
                    return one
    return None


def value(one, scale=1):
    found = one and one["value"]
    if not found:
        return "failed" if one else ""
    half = f" ±{short((found['ci95'][1] - found['ci95'][0]) / 2 / scale)}" if found["ci95"] else ""
    return short(found["mean"] / scale) + half


def rate(group, run, name, mode):
    return value(measured(group, run, name, mode), 1e9)


def ratio(group, run, name, mode):
    one = measured(group, run, name, mode)
    found = one and one["ratio"]
    if not found:
        return ""
    return f"x{short(found['mean'])}" if found["difference_shown"] else "not shown"


def cpu(group, run, name):
    """Seconds of the programs between for a GiB, both directions together."""
    modes = [measured(group, run, name, mode) for mode in ["upload", "download"]]
    rounds = [r for one in modes if one for r in one["rounds"]]
    received = sum(r["received_bytes"] for r in rounds)
    seconds = sum(r["cpu_seconds"]["others"] for r in rounds)
    return short(seconds * GIB / received) if received and name != "direct" else ""


def times(group, run, name, mode, quantile, scale=1):
    one = measured(group, run, name, mode)
    if not one:
        return ""
    if one["overloaded"]:
        return "overloaded"
    latency = one["latency_us"] or {}
    found = latency.get("corrected") or latency.get("uncorrected")
    return short(found[quantile] / scale) if found else ""


def idle(group, name):
    one = measured(group, "hold", name, "hold")
    held = one and one["held"]
    if not held or not held["opened"] or name == "direct":
        return ""
    between = [m for m in held["memory"] if m["process"] not in ("tuncat bench", "target")]
    grown = sum(m["after_bytes"] - m["before_bytes"] for m in between)
    return short(grown / held["opened"] / 1000)


def survived(group, name):
    one = measured(group, "hold", name, "hold")
    held = one and one["held"]
    return f"{held['survived']} of {held['wanted']}" if held else ""


def notes(group):
    """What was left out, what failed, and what bench has to say about its figures: each once, with its runs."""
    said = {f"{name}: {why}": [] for name, why in group.left_out}
    for run, report in group.runs.items():
        for note in notes_of(report):
            runs = said.setdefault(note, [])
            runs += [run] if run not in runs else []
    lines = [f"- {', '.join(runs)}: {note}" if runs else f"- {note}" for note, runs in said.items()]
    return ["", *lines] if lines else []


def notes_of(report):
    for lane in report["lanes"]:
        if lane["unavailable"]:
            yield f"{lane['name']}: no tunnel; {lane['unavailable']}"
        for one in lane["measured"]:
            for error in one["errors"]:
                yield f"{lane['name']}: {error['count']} x {error['class']}, the first: {error['first']}"
            if one["overloaded"]:
                pace = one["pace"]
                done, of = short(pace["achieved_per_second"]), short(pace["offered_per_second"])
                yield f"{lane['name']}: overloaded, {done} of {of} per second"
    yield from report["warnings"]
    environment = report["start"]["environment"]
    if environment["build"] != "release":
        yield f"a {environment['build']} build: no figure counts"
    others = {}
    for other in environment["disturbances"]:
        name = other["process"].split(" (")[0]
        others[name] = others.get(name, 0) + other["cores"]
    for name, cores in others.items():
        yield f"not for publication: {name} used {cores:.0%} of a core meanwhile"


def short(number):
    """Three significant digits, and no more decimals than that needs."""
    size = abs(number)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 or size == 0 else 3
    return f"{number:.{decimals}f}"
