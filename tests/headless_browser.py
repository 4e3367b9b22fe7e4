"""A real browser for tests: Chromium without a window, driven over the DevTools protocol through a pipe.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip
SECONDS = 60.0


def find_browser() -> str | None:
    """The program, where this machine has one."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)


class Browser:
    """One page. `problems` are its console's errors and warnings, failed requests and exceptions."""

    def __init__(self, program: str, profile: Path) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._buffer = b""
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()

        def connect() -> None:  # the browser reads from descriptor 3 and writes to 4
            read, write = os.dup(to_child), os.dup(from_child)
            high = [os.dup(read), os.dup(write)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=connect, pass_fds=(3, 4),
        )  # fmt: skip
        os.close(to_child)
        os.close(from_child)
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command's answer. Raises RuntimeError for an error, TimeoutError."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        number = self._number
        answer = self._receive(lambda received: received.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self, wanted: Any) -> dict[str, Any]:
        until = time.monotonic() + SECONDS
        while True:
            message, found, rest = self._buffer.partition(b"\0")
            if not found:
                ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
                data = os.read(self._read, 2**20) if ready else b""
                if not data:
                    raise TimeoutError("the browser does not answer")
                self._buffer += data
                continue
            self._buffer = rest
            received: dict[str, Any] = json.loads(message)
            self._note(received)
            if wanted(received):
                return received

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.problems.append(f"console: {parameters['args']}")
            case "Runtime.exceptionThrown":
                self.problems.append(f"exception: {parameters['exceptionDetails']['text']}")
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.problems.append(f"log: {parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            case "Network.loadingFailed":
                self.problems.append(f"not loaded: {parameters['errorText']}")
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])

    def look(self, width: int, *, dark: bool = False, height: int = 900) -> None:
        """Sets the window's width in CSS pixels and the colour scheme that its user prefers."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        scheme = "dark" if dark else "light"
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, path: Path) -> None:
        """Opens a file and waits until everything in it is loaded."""
        self.send("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + SECONDS
        while self.run("document.readyState + ' ' + location.protocol") != "complete file:":
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is not loaded")
            time.sleep(0.05)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self, path: Path, top: int = 0, height: int | None = None) -> None:
        """The whole page, or a part of it, as PNG."""
        whole = self.run("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": whole[0], "height": height or whole[1] - top, "scale": 1}
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))
