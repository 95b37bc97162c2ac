"""A server in a process of its own that answers recorded bytes after a fixed time, at hardly any cost.

Run as a program it reads a pickled {key: (headers, body)} and the seconds to wait, prints its port, serves
until its input ends, and then prints how many requests it had.
"""

import asyncio
import json
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HOURLY = b'"Period": 3600'
Answer = tuple[Mapping[str, str], bytes]


def key(method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
    """Return which recorded answer a request gets."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2] + (" hourly" if HOURLY in body else "")
    url = urlsplit(target)
    if url.path.startswith("/2015-03-31/functions/"):
        return "GetFunction"
    if url.path.startswith("/2015-03-31/event-source-mappings"):
        return f"ListEventSourceMappings {parse_qs(url.query).get('Marker', ['0'])[0]}"
    if url.path == "/":
        return parse_qs(body.decode())["Action"][0]
    return f"{method} {url.path}"


async def _serve(answers: Mapping[str, Answer], wait_s: float) -> None:
    seen: Counter[str] = Counter()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            method, target, _ = line.decode().split(" ", 2)
            headers = {}
            while (header := (await reader.readline()).decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            which = key(method, target, headers, body)
            seen[which if which.startswith("GET") else which.partition(" ")[0]] += 1
            said, content = answers.get(which, ({}, b"{}"))
            await asyncio.sleep(wait_s)
            status = "200 OK" if which in answers else "404 Not Found"
            lines = [f"HTTP/1.1 {status}", f"content-length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in said.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.write(json.dumps(seen) + "\n")


@contextmanager
def served(answers: Mapping[str, Answer], wait_s: float, folder: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Serve `answers`; yield the address, and a count of requests by answer that is filled at the end."""
    file = folder / "answers"
    file.write_bytes(pickle.dumps(dict(answers)))
    counted: Counter[str] = Counter()
    with subprocess.Popen(
        [sys.executable, __file__, str(file), str(wait_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}", counted
        finally:
            said, _ = process.communicate("", timeout=10)
            counted.update(json.loads(said))


if __name__ == "__main__":
    asyncio.run(_serve(pickle.loads(Path(sys.argv[1]).read_bytes()), float(sys.argv[2])))
