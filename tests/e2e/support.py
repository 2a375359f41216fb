"""What the end-to-end tests share: private servers, the program as a child process, and waiting with a deadline.

Nothing is skipped: a missing server or program fails the run.
"""
import contextlib
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PROGRAM = os.environ["PGANALYTICS_TEST_PROGRAM"]
BINARIES = pathlib.Path(os.environ.get("PGANALYTICS_TEST_PG_BINARIES", "/usr/lib/postgresql/15/bin"))


def unprivileged():
    """The user that private servers run as where we are root, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


def free_port():
    """A port below the ephemeral range that nobody listens on."""
    for _ in range(100):
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError("no free port")


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s: {what}")


def short_folder():
    """A folder that a socket path fits in and the unprivileged user can enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pga", dir="/tmp"))
    user = unprivileged()
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


class PostgresServer:
    """A PostgreSQL server on a Unix socket and 127.0.0.1, stopped by its own pid."""

    def __init__(self, preload="pg_stat_statements", settings=(), auth="trust"):
        self.folder = short_folder()
        self.port = free_port()
        self.user = unprivileged()
        self._run("initdb", "-D", self.data, "-U", "owner", "-A", auth, "--locale=C.UTF-8", "-N",
                  *(["--pwfile", str(self._password_file())] if auth != "trust" else []))
        lines = [f"port = {self.port}", f"unix_socket_directories = '{self.folder}'", "listen_addresses = '127.0.0.1'",
                 "fsync = off", "jit = off", "shared_buffers = 32MB", f"shared_preload_libraries = '{preload}'", *settings]
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")
        self.process = None
        self.start()

    @property
    def data(self):
        return self.folder / "data"

    def _password_file(self):
        path = self.folder / "pw"
        path.write_text("owner-password\n")
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path

    def _as_user(self):
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _run(self, program, *arguments):
        done = subprocess.run([str(BINARIES / program), *map(str, arguments)], capture_output=True, text=True, cwd="/", **self._as_user())
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr}{done.stdout}")

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([str(BINARIES / "postgres"), "-D", str(self.data)], stdout=log, stderr=log, cwd="/",
                                        start_new_session=True, **self._as_user())
        log.close()
        wait_until(self._accepts, 30, f"the server does not accept connections: {(self.folder / 'log').read_text()}")

    def _accepts(self):
        return subprocess.run([str(BINARIES / "pg_isready"), "-h", str(self.folder), "-p", str(self.port)], capture_output=True, check=False).returncode == 0

    def stop(self, number=signal.SIGINT):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def conninfo(self, database="postgres", user="owner", **more):
        pairs = {"host": str(self.folder), "port": self.port, "user": user, "dbname": database, **more}
        return " ".join(f"{key}={value}" for key, value in pairs.items())

    def sql(self, text, database="postgres", user="owner"):
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database, user)], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()


def environment(**more):
    """The process's own environment without what would configure libpq or the program."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "PGANALYTICS_"))}
    return {**clean, **more}


def run(*arguments, env=None, timeout=120, stdin=subprocess.DEVNULL):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=env or environment(), timeout=timeout, stdin=stdin)


class RunningProgram:
    """`up` or `serve` as a child process with its output in files."""

    def __init__(self, *arguments, env=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pgarun"))
        self.out_path, self.err_path = self.folder / "out", self.folder / "err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                                            env=env or environment(), start_new_session=True)

    @property
    def output(self):
        return self.out_path.read_text(errors="replace")

    @property
    def errors(self):
        return self.err_path.read_text(errors="replace")

    def wait_for_output(self, text, seconds):
        def there():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.errors}\n{self.output}")
            return text in self.output or text in self.errors
        wait_until(there, seconds, f"{text!r} not in the output:\n{self.output}\n{self.errors}")

    def interrupt(self, seconds=30):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def processes_in(folder):
    """Processes whose working folder lies in `folder`: servers that were left running."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "cwd").startswith(str(folder)):
                    found.append((int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")))
    return found


def http(url, token=None, method="GET", body=None):
    """(status, headers, body)"""
    request = urllib.request.Request(url, method=method, data=body)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def http_json(url, token=None):
    status, _, body = http(url, token)
    return status, json.loads(body)


class TestCase(unittest.TestCase):
    maxDiff = None

    def check_error(self, done, exit_code, *texts):
        """The exit code, and a sentence on standard error; nothing on standard output."""
        self.assertEqual(done.returncode, exit_code, f"{done.stderr}\n{done.stdout}")
        for text in texts:
            self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")
