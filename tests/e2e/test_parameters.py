"""`parameters`: what is stored, what is looked for now, for one statement, and beside a running instance."""
import json
import shutil
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


if __name__ == "__main__":
    unittest.main()
