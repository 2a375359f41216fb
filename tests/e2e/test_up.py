"""`up` from nothing: sample shop, recommendations, HTTP; Ctrl-C stops everything; the second start; the second instance."""
import shutil
import unittest

import support

SMALL_SAMPLE = ("--set", "sample.scale=0.2", "--port", "0")


class Up(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.state = support.short_folder() / "state"

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.state.parent, ignore_errors=True)

    def up(self, *arguments):
        program = support.RunningProgram("up", "--state", self.state, *SMALL_SAMPLE, *arguments)
        self.addCleanup(program.close)
        return program

    def url(self, program):
        return next(word for line in program.errors.splitlines() for word in line.split() if word.startswith("http://"))

    def test_1_from_nothing_to_recommendations(self):
        program = self.up()
        program.wait_for_output("Recommendations, highest return first", 240)
        self.assertIn("CREATE INDEX CONCURRENTLY", program.output)

        url = self.url(program)
        token = (self.state / "token").read_text().strip()
        self.assertEqual((self.state / "token").stat().st_mode & 0o777, 0o600)
        self.assertNotIn(token, program.output + program.errors)
        self.assertEqual(support.http(f"{url}/livez")[0], 200)
        self.assertEqual(support.http(f"{url}/readyz?verbose")[0], 200)
        self.assertEqual(support.http(f"{url}/api/v1/optimization-recommendations")[0], 401)
        self.assertEqual(support.http(f"{url}/api/v1/optimization-recommendations", "pga_wrong")[0], 401)
        status, recommendations = support.http_json(f"{url}/api/v1/optimization-recommendations?limit=50", token)
        self.assertEqual(status, 200)
        self.assertTrue(recommendations)
        roi = [item["roi_score"] for item in recommendations]
        self.assertEqual(roi, sorted(roi, reverse=True))
        for item in recommendations:
            self.assertTrue(item["statement"], item)
            self.assertTrue(item["evidence"]["checked"], item)
        status, queries = support.http_json(f"{url}/api/v1/queries?limit=5", token)
        self.assertEqual(status, 200)
        self.assertTrue(queries)
        metrics = support.http(f"{url}/metrics", token)[2].decode()
        self.assertIn("pganalytics_", metrics)

        # Commands beside the running instance share its repository.
        listed = support.run("recommendations", "--state", self.state, "--output", "json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("CREATE INDEX CONCURRENTLY", listed.stdout)
        targets = support.run("targets", "--state", self.state)
        self.assertIn("sample", targets.stdout)
        queries = support.run("queries", "--state", self.state, "--output", "csv")
        self.assertIn("query_hash_text", queries.stdout)

        # A second instance on the same folder refuses, and says who holds it.
        second = support.run("up", "--state", self.state, *SMALL_SAMPLE)
        self.check_error(second, 1, str(program.process.pid))

        self.assertEqual(program.interrupt(), 0, program.errors)
        self.assertEqual(support.processes_in(self.state), [])

    def test_2_the_second_start_shows_what_is_known(self):
        program = self.up()
        program.wait_for_output("Recommendations, highest return first", 30)
        self.assertEqual(program.interrupt(), 0, program.errors)
        self.assertEqual(support.processes_in(self.state), [])

    def test_3_killed_and_started_again(self):
        program = self.up()
        program.wait_for_output("Serving at", 60)
        program.process.kill()
        program.process.wait()
        again = self.up()
        again.wait_for_output("Serving at", 60)
        self.assertEqual(again.interrupt(), 0, again.errors)
        self.assertEqual(support.processes_in(self.state), [])

    def test_4_a_port_in_use_is_told(self):
        import socket
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = support.run("serve", "--state", self.state, "--port", port)
        self.check_error(done, done.returncode, str(port))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(support.processes_in(self.state), [])

    def test_5_commands_without_a_running_instance(self):
        made = support.run("token", "create", "grafana", "--state", self.state)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertTrue(made.stdout.startswith("pga_"))
        self.assertIn("grafana", support.run("token", "list", "--state", self.state).stdout)
        again = support.run("token", "create", "grafana", "--state", self.state)
        self.check_error(again, 1, "grafana")
        self.assertIn("nothing to do", support.run("migrate", "--state", self.state).stdout)
        self.assertEqual(support.processes_in(self.state), [])


if __name__ == "__main__":
    unittest.main()
