"""The runners of the local environment: a command as a plain process, or as a container through `docker run`."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from common.outcome import Outcome

# A command gets what it needs and nothing else: Airflow's own environment holds its database and its keys.
_PASSED = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|(HTTPS?|NO|ALL)_PROXY|"
    r"(TRANSLOAD|AWS|DBT|SNOWFLAKE)_\w+",
    re.IGNORECASE,
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CLIENT_ID", re.IGNORECASE)
_GRACE_SECONDS = 30  # an extractor ends within 8 s of SIGTERM


def environment(environ: Mapping[str, str], source: str) -> dict[str, str]:
    """Returns what of `environ` a command of `source` gets: the shared settings, and the source's own by prefix."""
    prefix = f"{source.upper()}_"
    return {name: value for name, value in environ.items() if _PASSED.fullmatch(name) or name.startswith(prefix)}


def secrets(environ: Mapping[str, str]) -> list[str]:
    """Returns the values that must never be seen in a log. Short ones are words: starring those would eat the log."""
    return [value for name, value in environ.items() if _SECRET.search(name) and len(value) >= 8]


def docker_command(image: str, name: str, arguments: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Returns the `docker run` that holds a command as a pod would be held; values stay out of the command line.

    The host's network, since in local the vendor's sandbox and S3 listen on loopback. Folders that the command writes
    to are mounted at their own paths: a lake that is a directory, and DuckDB's.
    """
    names = sorted(name for name in environ if name not in ("PATH", "HOME", "USER", "TMPDIR"))
    folders = [environ.get("TRANSLOAD_DESTINATION", ""), str(Path(environ.get("TRANSLOAD_DUCKDB_PATH", "")).parent)]
    mounted = sorted({folder for folder in folders if Path(folder).is_absolute()})
    return [
        *("docker", "run", "--rm", "--init", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp"),  # noqa: S108  inside the container
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", f"{os.getuid()}:{os.getgid()}"),
        *("--env", "HOME=/tmp", *(part for name in names for part in ("--env", name))),
        *(part for folder in mounted for part in ("--volume", f"{folder}:{folder}")),
        image,
        *arguments,
    ]


class ProcessRunner:
    """Runs one command and hands on every line that it logs, while it runs.

    A command logs to stderr and says its summary on stdout, which is kept. The values of secrets are starred in both: no
    command should say them, and this is for the one that does.
    """

    def __init__(self, emit: Callable[[str], None]) -> None:
        self._emit = emit
        self._secrets: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    def run(self, command: Sequence[str], environ: Mapping[str, str]) -> Outcome:
        """Returns how `command` ended, with its stdout.

        Raises FileNotFoundError if there is no such command on the PATH of `environ`. However this function is
        left, the process has ended: an exception ends it as a kill of the task does.
        """
        executable = shutil.which(command[0], path=environ.get("PATH"))
        if executable is None:
            raise FileNotFoundError(f"no command {command[0]!r} on PATH: install it, or put its environment on PATH")
        self._secrets = secrets(environ)
        process = subprocess.Popen(  # noqa: S603  the command is the DAG's; its arguments, the extractor checks
            [executable, *command[1:]],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        with process:
            self._process = process
            try:
                text = self._follow(process)
                return Outcome(_shell_code(process.wait()), text)
            finally:
                self._end(process)

    def terminate(self) -> None:
        """Asks the command to end, as Kubernetes asks a pod. Harmless before it started and after it ended."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _follow(self, process: subprocess.Popen[str]) -> str:
        """Emits the log line by line, while a thread empties stdout, lest a full pipe stop the process."""
        kept: list[str] = []
        reader = threading.Thread(target=lambda: kept.extend(process.stdout or ()), daemon=True)
        reader.start()
        self._emit_lines(process.stderr)
        reader.join()
        return self._starred("".join(kept))

    def _emit_lines(self, lines: IO[str] | None) -> None:
        for line in lines or ():
            self._emit(self._starred(line.rstrip("\n")))

    def _starred(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _shell_code(code: int) -> int:
    """Returns an exit code as a shell and a container show it: 128 + n for a process that signal n ended."""
    return 128 - code if code < 0 else code
