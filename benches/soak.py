#!/usr/bin/env python3
"""A soak of `tuncat serve`: tunnels that live for the whole time, and others that come and go, over every carrier.

    benches/soak.py [--binary PATH] [--minutes 30] [--tunnels 200] [--churn 50] [--json FILE]

Every byte is compared. It fails where one was lost or changed, where a tunnel failed, where descriptors do not come back,
and where the memory of `serve` grows by more than 1 MB an hour (two standard errors beyond it).
"""

import argparse
import asyncio
import hashlib
import json
import os
import random
import re
import signal
import sys
import time

CARRIERS = ["h1", "h2", "h1-post", "h2-post"]
SAMPLE_EVERY = 10.0
OUTSTANDING = 500


class Child:
    """A process whose stderr is read all the time."""

    def __init__(self, process):
        self.process, self.pid, self.lines = process, process.pid, []
        self.seen = asyncio.Condition()
        self.reading = asyncio.create_task(self.read())

    @classmethod
    async def start(cls, *args):
        return cls(await asyncio.create_subprocess_exec(*args, stderr=asyncio.subprocess.PIPE))

    async def read(self):
        while line := await self.process.stderr.readline():
            async with self.seen:
                self.lines = self.lines[-1000:] + [line.decode(errors="replace").rstrip()]
                self.seen.notify_all()

    async def find(self, pattern):
        async with self.seen:
            while True:
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found.group(1)
                await asyncio.wait_for(self.seen.wait(), 10)

    async def end(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self.process.wait(), 60)
        await self.reading
        return self.process.returncode

    def memory(self):
        with open(f"/proc/{self.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Tally:
    def __init__(self):
        self.opened = {carrier: 0 for carrier in CARRIERS}
        self.octets = self.lost = self.failed = self.skipped = 0
        self.examples = []

    def fail(self, where, error):
        self.failed += 1
        if len(self.examples) < 10:
            self.examples.append(f"{where}: {error!r}")


async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
        await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def long_lived(carrier, port, stop, tally):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        tally.opened[carrier] += 1
        while not stop.is_set():
            data = random.randbytes(random.randint(1, 4096))
            writer.write(data)
            got = await asyncio.wait_for(reader.readexactly(len(data)), 60)
            tally.octets += len(data)
            if got != data:
                tally.lost += len(data)
            try:
                await asyncio.wait_for(stop.wait(), random.uniform(0.5, 1.5))
            except asyncio.TimeoutError:
                pass
        writer.write_eof()
        rest = await asyncio.wait_for(reader.read(), 60)
        tally.lost += len(rest)
        writer.close()
    except Exception as error:
        tally.fail(f"long-lived {carrier}", error)


async def short_lived(carrier, port, tally):
    try:
        size = int(2 ** random.uniform(0, 16))
        data = random.randbytes(size)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        tally.opened[carrier] += 1
        writer.write(data)
        writer.write_eof()
        got = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        tally.octets += len(got)
        if hashlib.sha256(got).digest() != hashlib.sha256(data).digest():
            tally.lost += max(1, abs(size - len(got)))
            tally.fail(f"short-lived {carrier}", f"{len(got)} of {size} bytes")
    except Exception as error:
        tally.fail(f"short-lived {carrier}", error)


async def churn(rate, ports, end, tally):
    """So many new tunnels a second, at times that do not wait for those before."""
    running, begun, n = set(), time.monotonic(), 0
    while time.monotonic() < end:
        due = begun + n / rate
        await asyncio.sleep(max(0, due - time.monotonic()))
        carrier = CARRIERS[n % len(CARRIERS)]
        n += 1
        if len(running) >= OUTSTANDING:
            tally.skipped += 1
            continue
        task = asyncio.create_task(short_lived(carrier, ports[carrier], tally))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)


def slope(samples):
    """Bytes a second by least squares, and the standard error of that."""
    n = len(samples)
    if n < 3:
        return 0.0, 0.0
    mean_t, mean_m = (sum(s[i] for s in samples) / n for i in (0, 1))
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    rise = sum((t - mean_t) * (m - mean_m) for t, m in samples) / spread
    residue = sum((m - mean_m - rise * (t - mean_t)) ** 2 for t, m in samples)
    return rise, (residue / (n - 2) / spread) ** 0.5


async def soak(options):
    tally, children, samples = Tally(), [], []
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    target = server.sockets[0].getsockname()[1]
    try:
        serve = await Child.start(options.binary, "serve", "-l", "127.0.0.1:0", "--self-signed")
        children.append(serve)
        url = await serve.find(r"listening on (https://\S+)")
        pin = await serve.find(r"pin (\S+)")
        before = serve.descriptors()
        ports, listens = {}, []
        for carrier in CARRIERS:
            listen = await Child.start(
                options.binary, "listen", "-x", url, "--pin", pin, "--via", carrier, "-L", f"0:127.0.0.1:{target}"
            )
            children.append(listen)
            listens.append(listen)
            ports[carrier] = int(await listen.find(r"listening on 127\.0\.0\.1:(\d+)"))
        begun, stop = time.monotonic(), asyncio.Event()
        end = begun + options.minutes * 60
        lived = [
            asyncio.create_task(long_lived(c, ports[c], stop, tally))
            for c in (CARRIERS[n % len(CARRIERS)] for n in range(options.tunnels))
        ]
        churning = asyncio.create_task(churn(options.churn, ports, end, tally))
        cpu, most = serve.cpu(), 0
        while time.monotonic() < end:
            await asyncio.sleep(min(SAMPLE_EVERY, max(0.1, end - time.monotonic())))
            samples.append((time.monotonic() - begun, serve.memory()))
            most = max(most, serve.descriptors())
        cpu = (serve.cpu() - cpu) / (time.monotonic() - begun)
        await churning
        stop.set()
        await asyncio.gather(*lived)
        listens_end = [await listen.end() for listen in listens]
        patience = time.monotonic() + 30
        while (after := serve.descriptors()) > before and time.monotonic() < patience:
            await asyncio.sleep(0.1)
        ended = await serve.end()
    finally:
        for child in children:
            if child.process.returncode is None:
                child.process.kill()
                await child.process.wait()
        server.close()
    warm = min(300, options.minutes * 60 * 0.2)
    settled = [s for s in samples if s[0] >= warm]
    rise, error = (x * 3600 / 1e6 for x in slope(settled))
    words = [line for child in children for line in child.lines if "listening on" not in line and " pin " not in line]
    result = {
        "minutes": options.minutes,
        "tunnels_opened": tally.opened,
        "bytes_each_way": tally.octets,
        "bytes_lost": tally.lost,
        "failures": tally.failed,
        "examples": tally.examples + words[:10],
        "not_started": tally.skipped,
        "rss_warm": settled[0][1] if settled else None,
        "rss_last": settled[-1][1] if settled else None,
        "rss_slope_mb_per_hour": round(rise, 3),
        "rss_slope_error": round(error, 3),
        "descriptors_before": before,
        "descriptors_most": most,
        "descriptors_after": after,
        "cpu_share": round(cpu, 3),
        "exit_codes": [ended] + listens_end,
    }
    for key, value in result.items():
        print(f"{key:24} {value}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)
    well = tally.lost == 0 and tally.failed == 0 and after <= before and not any(result["exit_codes"])
    return 0 if well and rise - 2 * error <= 1 else 1


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--binary", default=os.path.join(root, "target/release/tuncat"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--tunnels", type=int, default=200)
    parser.add_argument("--churn", type=float, default=50)
    parser.add_argument("--json")
    sys.exit(asyncio.run(soak(parser.parse_args())))


main()
