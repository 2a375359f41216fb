"""A running server that watches targets with a planted password: it appears in no output, log, metric or answer."""
import shutil
import unittest

import support

CANARY = "kanarienvogel"


class Secrets(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.state = support.short_folder() / "state"
        cls.server = support.PostgresServer(auth="scram-sha-256")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.state.parent, ignore_errors=True)

    def test_a_targets_password_shows_nowhere(self):
        port = self.server.port
        forms = {
            "uri": f"postgresql://owner:{CANARY}@127.0.0.1:{port}/postgres",
            "query": f"postgresql://owner@127.0.0.1:{port}/postgres?password={CANARY}",
            "pairs": f"host=127.0.0.1 port={port} user=owner dbname=postgres password={CANARY}",
            "quoted": f"host=127.0.0.1 port={port} user=owner dbname=postgres password='{CANARY} x'",
            "down": f"host=127.0.0.1 port={support.free_port()} user=owner dbname=postgres password={CANARY}",
        }
        program = support.RunningProgram("serve", "--state", self.state, "--port", "0", "--log-level", "debug",
                                         "--set", "collector.interval_seconds=1")
        self.addCleanup(program.close)
        program.wait_for_output("Serving at", 60)
        shown = ""
        for name, conninfo in forms.items():
            added = support.run("targets", "add", conninfo, "--name", name, "--no-check", "--state", self.state)
            self.assertEqual(added.returncode, 0, added.stderr)
            shown += added.stdout + added.stderr
        for name in forms:
            program.wait_for_output(f"target={name}", 60)

        def all_known_to_fail():
            listed = support.run("targets", "--state", self.state, "--output", "csv").stdout
            return listed if listed.count("unreachable") == len(forms) else None
        shown += support.wait_until(all_known_to_fail, 60, "the targets are unreachable")
        for output in ("table", "json"):
            shown += support.run("targets", "--state", self.state, "--output", output).stdout
        url = next(word for word in program.errors.split() if word.startswith("http://"))
        token = (self.state / "token").read_text().strip()
        for path in ("/api/v1/targets", "/metrics", "/readyz?verbose"):
            status, _, body = support.http(url + path, token)
            self.assertIn(status, (200, 503), path)
            shown += body.decode()
        self.assertEqual(program.interrupt(), 0, program.errors)
        shown += program.output + program.errors
        self.assertIn("uri", shown)
        self.assertNotIn(CANARY, shown)
        self.assertNotIn(token, shown)
        # Nor does the repository hold it in clear.
        for file in (self.state / "repository" / "data").rglob("*"):
            if file.is_file():
                self.assertNotIn(CANARY.encode(), file.read_bytes(), file)


if __name__ == "__main__":
    unittest.main()
