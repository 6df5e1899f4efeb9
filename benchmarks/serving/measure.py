"""Requests per second, latency and memory of the model server on this machine's loopback.

    .venv/bin/python benchmarks/serving/measure.py [--builder resnet] [--seconds 5]

Starts the server as a pod does, asks it over connections that are kept, one request at a time on each, and prints a
table. Every answer is checked. The client shares the processors with the server.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import uvloop

HERE = Path(__file__).parent
SHAPE = (8, 8, 1)
CASES = [(1, 1), (16, 1), (1, 32), (4, 32)]
"""Connections, and images in each request."""


@dataclass(frozen=True)
class Figures:
    """What one case measured."""

    connections: int
    batch: int
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    memory_mebibytes: float


def request(batch: int) -> bytes:
    """Return the bytes of one request for random images."""
    images = np.random.default_rng(batch).integers(0, 17, (batch, *SHAPE))
    tensor = {"name": "image", "datatype": "UINT8", "shape": list(images.shape), "data": images.ravel().tolist()}
    body = json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()
    head = f"POST /v2/models/bench/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes) -> None:
    """Send a request and read its whole answer, which must be 200."""
    writer.write(content)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.decode())
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


async def keep_asking(port: int, content: bytes, seconds: float) -> list[float]:
    """Return the seconds that each request took on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        await ask(reader, writer, content)
        took.append(time.perf_counter() - start)
    writer.close()
    return took


async def measure(port: int, process: int, connections: int, batch: int, seconds: float) -> Figures:
    """Measure one case, after half a second that is not counted."""
    content = request(batch)
    await asyncio.gather(*(keep_asking(port, content, 0.5) for _ in range(connections)))
    start = time.perf_counter()
    answers = await asyncio.gather(*(keep_asking(port, content, seconds) for _ in range(connections)))
    elapsed = time.perf_counter() - start
    took = sorted(itertools.chain.from_iterable(answers))
    quantiles = statistics.quantiles(took, n=100)
    p50, p99 = 1e3 * quantiles[49], 1e3 * quantiles[98]
    return Figures(connections, batch, len(took) / elapsed, p50, p99, memory_mebibytes(process))


def memory_mebibytes(process: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@contextmanager
def server(builder: str) -> Iterator[tuple[int, int, float]]:
    """Yield port, process and seconds until it was ready."""
    with tempfile.TemporaryDirectory() as folder:
        model, log = Path(folder, "model"), Path(folder, "log")
        maker = [sys.executable, str(HERE / "make_artifact.py"), builder, str(model)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        made = subprocess.run(maker, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        digest = made.stdout.split()[-1]
        words = ["serve", "--model-dir", str(model), "--name", "bench", "--digest", digest, "--port", "0"]
        start = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen([sys.executable, "-I", "-m", "idla_server", *words], stdout=output)
        try:
            while "the server is ready" not in log.read_text():
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.01)
            ready = time.perf_counter() - start
            lines = [json.loads(line) for line in log.read_text().splitlines()]
            yield next(line["port"] for line in lines if "port" in line), process.pid, ready
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description="Speed and memory of the model server on loopback.")
    parser.add_argument("--builder", default="resnet", help="network of the registry, with its defaults")
    parser.add_argument("--seconds", type=float, default=5, help="of each case")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with server(options.builder) as (port, process, ready), asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        figures = [loop.run(measure(port, process, *case, options.seconds)) for case in CASES]
    print(f"{options.builder}, 8 x 8 images, DynamicRange; {os.cpu_count()} processors, load {load:.1f} before")
    print(f"ready after {ready:.2f} s\n")
    print("| connections | images a request | requests/s | images/s | p50 ms | p99 ms | RSS MiB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for each in figures:
        images = each.requests_per_second * each.batch
        print(
            f"| {each.connections} | {each.batch} | {each.requests_per_second:.0f} | {images:.0f} "
            f"| {each.p50_milliseconds:.2f} | {each.p99_milliseconds:.2f} | {each.memory_mebibytes:.0f} |"
        )


if __name__ == "__main__":
    main()
