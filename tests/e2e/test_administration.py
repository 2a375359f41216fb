"""A repository that several processes share: their tokens, and targets that are changed while a collector runs."""
import json
import pathlib
import shutil
import tempfile
import unittest

import support

CANARY = "kanarienvogel"


class SharedRepository(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = support.PostgresServer()
        cls.server.sql("create database pganalytics")
        cls.server.sql("create extension pg_stat_statements")
        cls.states = pathlib.Path(tempfile.mkdtemp(prefix="pgastate"))

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.states, ignore_errors=True)

    def shared(self, name):
        """The flags of an instance with a state folder of its own."""
        return "--repository", self.server.conninfo("pganalytics"), "--state", self.states / name

    def serve(self, name, *more):
        program = support.RunningProgram("serve", *self.shared(name), *more)
        self.addCleanup(program.close)
        return program

    def test_each_instance_has_a_first_token_of_its_own(self):
        answers = {}
        for name in ("one", "two"):
            program = self.serve(name, "--role", "api", "--port", "0")
            program.wait_for_output("Serving at", 60)
            answers[name] = next(word for word in program.errors.split() if word.startswith("http://"))
        for name, url in answers.items():
            token = (self.states / name / "token").read_text().strip()
            for other in answers.values():
                self.assertEqual(support.http(other + "/api/v1/targets", token)[0], 200, f"{name}'s token at {other}")
            self.assertEqual(support.http(url + "/api/v1/targets", "pga_" + "0" * 64)[0], 401)
        listed = json.loads(support.run("token", "list", *self.shared("one"), "--output", "json").stdout)
        names = [token["name"] for token in listed if token["name"].startswith("local ")]
        self.assertEqual(len(set(names)), 2, listed)
        self.assertFalse([token for token in listed if token["revoked_at"]], listed)

    def test_a_target_is_reached_another_way(self):
        nowhere = f"host=127.0.0.1 port={support.free_port()} user=owner dbname=postgres password={CANARY}"
        there = f"{self.server.conninfo()} password={CANARY}"
        self.assertEqual(support.run("targets", "add", nowhere, "--name", "shop", "--no-check", *self.shared("three")).returncode, 0)
        program = self.serve("three", "--role", "collector", "--set", "collector.interval_seconds=1")

        def state_is(wanted):
            target, = json.loads(support.run("targets", *self.shared("three"), "--output", "json").stdout)
            return target["state"] == wanted and target
        support.wait_until(lambda: state_is("unreachable"), 60, f"nobody answers there: {program.errors}")
        changed = support.run("targets", "set", "shop", there, *self.shared("three"))
        self.assertEqual(changed.returncode, 0, changed.stderr)
        self.assertNotIn(CANARY, changed.stderr + changed.stdout)
        support.wait_until(lambda: state_is("ok"), 60, f"the collector follows: {program.errors}")

        other = support.PostgresServer()
        self.addCleanup(other.close)
        refused = support.run("targets", "set", "shop", other.conninfo(), *self.shared("three"))
        self.check_error(refused, 1, "another server", "--no-check")
        self.assertNotIn(str(other.port), state_is("ok")["conninfo"])

        audit = self.server.sql("select action, object, details ->> 'connection' from pganalytics.audit_log order by audit_id", "pganalytics")
        self.assertEqual([line.split("|")[0] for line in audit.splitlines()], ["target.add", "target.set"])
        self.assertNotIn(CANARY, audit)

    def test_what_can_be_mistaken(self):
        self.check_error(support.run("targets", "set", "shop", *self.shared("four")), 2, "No connection was given.")
        self.check_error(support.run("targets", "set", "shoop", "host=x", *self.shared("four")), 1, "shoop")
        self.check_error(support.run("targets", "add", *self.shared("four")), 2, "No target was given.")


if __name__ == "__main__":
    unittest.main()
