"""A headless Chromium, driven over its DevTools protocol: it loads, watches, clicks and types."""

import itertools
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars"),
    *("--disable-dev-shm-usage", "--remote-debugging-port=0", "--remote-allow-origins=*"),
)


def chromium() -> str | None:
    """The browser's program, None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@dataclass
class Seen:
    """What a page did: errors on its console, what it asked for."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Browser:
    """One tab. `with Browser() as tab: tab.open(url)`."""

    def __init__(self, program: str):
        self.program, self.ids, self.seen = program, itertools.count(1), Seen()

    def __enter__(self) -> "Browser":
        import websocket

        self.folder = tempfile.TemporaryDirectory(prefix="arlearn-browser-")
        command = [self.program, *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **quiet)
        port = self._port()
        connect = {"timeout": 60, "suppress_origin": True}
        self.socket = websocket.create_connection(self._page(port), **connect)
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(timeout=10)
        self.folder.cleanup()

    def _port(self) -> int:
        """Chromium writes the port it chose into its profile."""
        file = Path(self.folder.name) / "DevToolsActivePort"
        for _ in range(300):
            if file.exists() and file.read_text().strip():
                return int(file.read_text().split()[0])
            time.sleep(0.1)
        raise TimeoutError("chromium did not open its DevTools port in 30 s")

    def _page(self, port: int) -> str:
        from urllib.request import urlopen

        for _ in range(100):
            with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return tabs[0]["webSocketDebuggerUrl"]
            time.sleep(0.1)
        raise TimeoutError("chromium opened no page in 10 s")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer; events on the way are noted."""
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            told = json.loads(self.socket.recv())
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                return told["result"]
            self._note(told)

    def _note(self, event: dict[str, Any]) -> None:
        kind, params = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.seen.errors.append(
                details.get("exception", {}).get("description", details["text"])
            )
        elif kind == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.seen.errors.append(str([one.get("value") for one in params["args"]]))
        elif kind == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.seen.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif kind == "Network.requestWillBeSent":
            self.seen.requests.append(params["request"]["url"])

    def look(self, width: int, height: int = 900, *, dark: bool = False) -> None:
        """The size of the window, and whether the reader prefers a dark page."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # or a colour would be read half-way to another
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[theme, still])

    def open(self, url: str) -> Seen:
        """Load a page and wait until it is complete; what it did so far."""
        self.seen = Seen()
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")
        return self.seen

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for.

        Raises:
            RuntimeError: the script throws.
        """
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        told = self.send("Runtime.evaluate", **given)
        if "exceptionDetails" in told:
            details = told["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return told["result"].get("value")

    def until(self, condition: str, seconds: float = 20) -> None:
        """Wait until an expression is true.

        Raises:
            TimeoutError: it is not, for so long.
        """
        end = time.monotonic() + seconds
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"after {seconds} s still not: {condition}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        """A key, sent to what has the focus: an arrow, Home, End, Enter, or a space."""
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        codes |= {"Home": 36, "End": 35, "Enter": 13, " ": 32}
        given = {"key": key, "code": "Space" if key == " " else key}
        given |= {"windowsVirtualKeyCode": codes[key]}
        text = {"text": "\r" if key == "Enter" else key} if key in ("Enter", " ") else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", **given, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **given)

    def picture(self, path: Path, *, whole: bool = False) -> Path:
        """A screenshot; of the whole page if asked for."""
        import base64

        told = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))
        return path
