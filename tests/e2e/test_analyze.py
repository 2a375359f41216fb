"""`analyze` on a live server: with pg_stat_statements and with files of statements."""
import json
import pathlib
import tempfile
import unittest

import support

SCHEMA = """
create extension pg_stat_statements;
create extension hypopg;
create table parcel (id bigint generated always as identity primary key, courier int not null, sent timestamptz not null, note text);
insert into parcel (courier, sent, note)
select i % 2000, timestamptz '2026-01-01' + i * interval '1 minute', repeat('x', 40) from generate_series(1, 200000) i;
create table courier (id int primary key, name text not null);
insert into courier select i, 'courier ' || i from generate_series(0, 1999) i;
vacuum analyze;
"""


class Analyze(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = support.PostgresServer()
        cls.server.sql(SCHEMA)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())

    def analyze(self, *arguments):
        done = support.run("analyze", self.server.conninfo(), "--output", "json", *arguments)
        self.assertIn(done.returncode, (0, 5), done.stderr)
        report = json.loads(done.stdout)
        return report, [advice for database in report["databases"] for advice in database["recommendations"]]

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def test_a_file_of_statements(self):
        script = self.write("a.sql", """
            -- the courier's parcels
            select * from parcel where courier = 17 order by sent desc limit 10;
            selec mistake;
            select c.name from courier c where c.id = 3; /* healthy */
        """)
        report, advice = self.analyze("--workload", script)
        self.assertEqual(len(advice), 1, advice)
        self.assertRegex(advice[0]["statement"], r"CREATE INDEX CONCURRENTLY .* ON public\.parcel .*\(courier, sent")
        self.assertGreater(advice[0]["estimated_improvement_percent"], 50)
        self.assertEqual([skipped["line"] for skipped in report["skipped"]], [4])
        self.assertTrue(advice[0]["evidence"]["checked"])

    def test_views_of_the_script_and_folders(self):
        self.write("deep/b.sql", """
            create view of_courier (who, parcels) as select courier, count(*) from parcel where courier = 5 group by courier;
            select name, parcels from courier, of_courier where id = who;
            drop view of_courier;
        """)
        _, advice = self.analyze("--workload", self.folder)
        self.assertEqual(len(advice), 1, advice)
        self.assertIn("(courier", advice[0]["statement"])
        self.assertEqual(self.server.sql("select count(*) from pg_views where viewname = 'of_courier'"), "0")

    def test_ddl_output_runs_as_it_is_and_then_nothing_is_left_to_say(self):
        script = self.write("c.sql", "select note from parcel where sent = timestamptz '2026-02-01 10:00';")
        done = support.run("analyze", self.server.conninfo(), "--workload", script, "--output", "ddl")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server.sql(done.stdout)
        _, advice = self.analyze("--workload", script)
        self.assertEqual(advice, [])
        index = done.stdout.split("CONCURRENTLY ")[1].split(" ")[0]
        self.server.sql(f"drop index {index}")

    def test_the_exit_code_tells_findings(self):
        script = self.write("d.sql", "select note from parcel where courier = 3;")
        self.assertEqual(support.run("analyze", self.server.conninfo(), "--workload", script, "--exit-code").returncode, 5)
        healthy = self.write("e.sql", "select name from courier where id = 3;")
        self.assertEqual(support.run("analyze", self.server.conninfo(), "--workload", healthy, "--exit-code").returncode, 0)

    def test_only_one_capability(self):
        script = self.write("f.sql", "select note from parcel where courier = 3;")
        _, advice = self.analyze("--workload", script, "--only", "rewrite")
        self.assertEqual(advice, [])

    def test_live_counters(self):
        self.server.sql("select pg_stat_statements_reset()")
        for courier in range(20):
            self.server.sql(f"select note from parcel where courier = {courier}")
        for count in (2, 3, 5, 8):
            keys = ", ".join(str(i) for i in range(count))
            for _ in range(5):
                self.server.sql(f"select name from courier where id in ({keys})")
        report, advice = self.analyze()
        rules = sorted({item["rule"] for item in advice})
        self.assertEqual(rules, ["in_vs_any_optimization", "missing_index_detected"], report)
        rewrite = next(item for item in advice if item["rule"] == "in_vs_any_optimization")
        self.assertIn("ANY", rewrite["statement"])
        index = next(item for item in advice if item["rule"] == "missing_index_detected")
        self.assertGreater(index["roi_score"], 0)
        self.assertEqual(index["query_hash_text"], str(index["query_hash"]))

    def test_planning_a_statement_first_does_not_hide_the_application_that_runs_it(self):
        # One role for both: the server keeps the text it saw first, which must not be one of ours.
        self.server.sql("select pg_stat_statements_reset()")
        text = "select count(*) from parcel where courier = 40 and note = 'a'"
        self.analyze("--workload", self.write("i.sql", text + ";"))
        for _ in range(20):
            self.server.sql(text)
        _, advice = self.analyze()
        self.assertEqual([item["rule"] for item in advice], ["missing_index_detected"])

    def test_files_that_cannot_be_used(self):
        self.check_error(support.run("analyze", self.server.conninfo(), "--workload", "/nonexistent"), 1, "/nonexistent")
        self.check_error(support.run("analyze", self.server.conninfo(), "--workload", self.folder), 1, "no .sql file")

    def test_without_the_extension(self):
        self.server.sql("create database bare")
        done = support.run("analyze", self.server.conninfo("bare"))
        self.check_error(done, 4, "pg_stat_statements", "CREATE EXTENSION")
        # A file needs no extension; without HypoPG the evidence says what was not checked.
        self.server.sql("create table big as select i, i % 5000 as k, repeat('y', 50) as pad from generate_series(1, 100000) i; analyze big", "bare")
        script = self.write("g.sql", "select pad from big where k = 7;")
        done = support.run("analyze", self.server.conninfo("bare"), "--workload", script, "--output", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        advice = json.loads(done.stdout)["databases"][0]["recommendations"]
        self.assertEqual(len(advice), 1, done.stdout)
        self.assertTrue(any("HypoPG" in sentence for sentence in advice[0]["evidence"]["not_checked"]), advice[0]["evidence"])

    def test_csv_and_table(self):
        script = self.write("h.sql", "select note from parcel where courier = 3;")
        csv = support.run("analyze", self.server.conninfo(), "--workload", script, "--output", "csv").stdout
        self.assertTrue(csv.startswith("rule,database_name,"), csv)
        table = support.run("analyze", self.server.conninfo(), "--workload", script).stdout
        self.assertIn("CREATE INDEX CONCURRENTLY", table)
        self.assertIn("Undo: DROP INDEX CONCURRENTLY", table)
        self.assertNotIn("\x1b[", table)


if __name__ == "__main__":
    unittest.main()
