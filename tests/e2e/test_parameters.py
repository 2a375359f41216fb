"""`parameters`: what is stored, what is looked for now, for one statement, and beside a running instance."""
import contextlib
import json
import shutil
import subprocess
import unittest

import support

# A bounded sort of wide rows: with memory for twice the bound it keeps a heap and never writes.
SPILLING = "select sum(length(body)) from (select id, body from notes order by id % 9973, id limit 5000) s"


class Parameters(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = support.PostgresServer(settings=["shared_buffers = '256MB'", "work_mem = '1MB'", "track_io_timing = on"])
        cls.state = support.short_folder() / "state"
        cls.server.sql("create extension pg_stat_statements; create table notes(id int primary key, body text not null);"
                       "insert into notes select i, repeat(md5(i::text), 12) from generate_series(1, 60000) i; vacuum analyze notes")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.state.parent, ignore_errors=True)

    def parameters(self, *arguments):
        done = support.run("parameters", "--state", self.state, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_1_nothing_is_said_to_be_so(self):
        self.assertIn("--generate", self.parameters().stdout)
        self.assertEqual(json.loads(self.parameters("--output", "json").stdout), [])
        self.check_error(support.run("parameters", "--state", self.state, "--query", "seven"), 2, "query_hash")

    def test_2_generates_for_a_statement(self):
        added = support.run("targets", "add", self.server.conninfo(), "--state", self.state)
        self.assertEqual(added.returncode, 0, added.stderr)
        program = support.RunningProgram("up", "--state", self.state, "--port", "0", "--set",
                                         "collector.interval_seconds=1", "collector.text_interval_seconds=1", "analysis.interval_seconds=3600")
        self.addCleanup(program.close)
        program.wait_for_output("Serving at", 60)

        def collected():
            self.server.sql(SPILLING)
            listed = support.run("queries", "--state", self.state, "--output", "json")
            return [row for row in json.loads(listed.stdout) if "9973" in row["query_text"] or "% $" in row["query_text"]]

        query = support.wait_until(collected, 60, "the statement was not collected")[0]["query_hash_text"]
        for _ in range(10):
            self.server.sql(SPILLING)

        def advised():
            self.parameters("--generate", "--query", query)
            return json.loads(self.parameters("--query", query, "--output", "json").stdout)

        rows = support.wait_until(advised, 60, "nothing was advised")
        self.assertEqual([row["parameter_name"] for row in rows], ["sort_mem"])
        self.assertEqual(rows[0]["query_hash_text"], query)
        self.assertIn("SET LOCAL work_mem", rows[0]["applies_as"])
        self.assertIn("sort_mem", self.parameters("--output", "csv", "--database", "postgres").stdout)
        self.assertEqual(json.loads(self.parameters("--database", "another", "--output", "json").stdout), [])
        # What is emitted runs.
        self.server.sql(f"begin; {rows[0]['applies_as']}; {SPILLING}; rollback")

        # With consent it is run, with the literals of an example that the collector saw.
        def measured():
            self.parameters("--verify", "--query", query)
            rows = json.loads(self.parameters("--query", query, "--output", "json").stdout)
            return rows and rows[0]["evidence"]["basis"] == "measured_time"

        with self.session(SPILLING):
            support.wait_until(measured, 60, "nothing was measured")

        # Every scope is there with what undoes it, and what was measured is not forgotten by the next look.
        self.parameters("--generate", "--query", query)
        row = json.loads(self.parameters("--query", query, "--output", "json").stdout)[0]
        self.assertEqual(row["evidence"]["basis"], "measured_time")
        self.assertEqual([scope["scope"] for scope in row["scopes"]], ["query", "role", "database", "server"])
        for scope in row["scopes"][1:]:
            self.server.sql(scope["statement"])
            self.server.sql(scope["inverse"])

        # A setting that is changed is set against the times; a minute of history cannot tell, and says so.
        self.assertEqual(json.loads(self.parameters("--history", "--output", "json").stdout), [])
        self.server.sql("alter system set hash_mem_multiplier = 3")
        self.server.sql("select pg_reload_conf()")

        def changed():
            self.server.sql(SPILLING)
            listed = json.loads(self.parameters("--history", "--query", query, "--output", "json").stdout)
            return [row for row in listed if row["name"] == "hash_mem_multiplier"]

        row = support.wait_until(changed, 60, "the change was not seen")[0]
        self.assertEqual((row["old_value"], row["new_value"], row["query_hash_text"]), ("2", "3", query))
        self.assertEqual(row["movement"], "unknown")
        self.assertIn("cannot be told", self.parameters("--history").stdout.replace("\n", " "))

    @contextlib.contextmanager
    def session(self, statement):
        """A session that has run the statement, and stays."""
        psql = subprocess.Popen(["psql", "-XqAt", "-d", self.server.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            psql.stdin.write(statement + ";\n")
            psql.stdin.flush()
            yield
        finally:
            psql.stdin.close()
            psql.wait()


if __name__ == "__main__":
    unittest.main()
