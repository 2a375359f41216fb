"""The command line as its user meets it: help, mistakes, exit codes, secrets."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import support

CANARY = "kanarienvogel"


class Mistakes(support.TestCase):
    def test_unknown_words_name_the_nearest(self):
        self.check_error(support.run("anlyze"), 2, "anlyze", "analyze")
        self.check_error(support.run("analyze", "--worklod", "x"), 2, "--worklod", "--workload")
        self.check_error(support.run("queries", "--output", "yaml", "--state", "/nonexistent/x"), 2, "yaml", "table, json or csv")
        self.check_error(support.run("analyze", "--only", "indeces"), 2, "indeces", "indexes")

    def test_unknown_settings_name_the_nearest(self):
        self.check_error(support.run("config", "--set", "http.prot=1"), 1, "http.prot", "http.port")
        self.check_error(support.run("config", env=support.environment(PGANALYTICS_HTTP_PROT="1")), 1, "PGANALYTICS_HTTP_PORT")
        self.check_error(support.run("config", "--config", "/nonexistent.toml"), 1, "/nonexistent.toml")

    def test_files_that_are_not_there(self):
        self.check_error(support.run("serve", "--state", "/proc/nowhere"), 1, "/proc/nowhere")
        self.check_error(support.run("serve", "--role", "manager"), 2, "manager", "collector")


class Help(support.TestCase):
    def test_every_command_has_help(self):
        top = support.run("--help")
        self.assertEqual(top.returncode, 0)
        for command in ("up", "analyze", "check", "setup-target", "targets", "queries", "recommendations", "serve", "token", "migrate"):
            self.assertIn(command, top.stdout)
            self.assertEqual(support.run(command, "--help").returncode, 0, command)

    def test_no_command_shows_the_help(self):
        self.assertIn("analyze", support.run().stdout)

    def test_completion_is_a_script_that_the_shell_takes(self):
        script = support.run("completion", "bash").stdout
        probe = script + '\nCOMP_WORDS=(pganalytics reco); COMP_CWORD=1; _pganalytics; echo "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), "recommendations", done.stderr)
        probe = script + '\nCOMP_WORDS=(pganalytics analyze --work); COMP_CWORD=2; _pganalytics; echo "${COMPREPLY[@]}"'
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True)
        self.assertEqual(done.stdout.strip(), "--workload", done.stderr)
        self.check_error(support.run("completion", "tcsh"), 2, "bash, zsh or fish")

    def test_the_manual_page_names_every_command(self):
        page = support.run("man").stdout
        for command in ("analyze", "setup\\-target", "recommendations"):
            self.assertIn(command, page)

    def test_setup_target_prints_sql_for_a_version_without_connecting(self):
        old = support.run("setup-target", "--server-version", "13")
        new = support.run("setup-target", "--server-version", "16")
        self.assertEqual((old.returncode, new.returncode), (0, 0), old.stderr + new.stderr)
        self.assertIn("pg_monitor", old.stdout)
        self.assertNotIn("GRANT pg_read_all_data", old.stdout)
        self.assertIn("GRANT pg_read_all_data", new.stdout)


class Connections(support.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = support.PostgresServer(auth="scram-sha-256")

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def forms(self, host, port):
        """The same connection in every form libpq takes, each with the canary as its password."""
        folder = pathlib.Path(tempfile.mkdtemp())
        service = folder / "services"
        service.write_text(f"[here]\nhost={host}\nport={port}\nuser=owner\ndbname=postgres\npassword={CANARY}\n")
        passfile = folder / "pgpass"
        passfile.write_text(f"*:*:*:*:{CANARY}\n")
        passfile.chmod(0o600)
        plain = f"host={host} port={port} user=owner dbname=postgres"
        return [
            ([f"postgresql://owner:{CANARY}@{host}:{port}/postgres"], {}),
            ([f"postgresql://owner@{host}:{port}/postgres?password={CANARY}"], {}),
            ([f"{plain} password={CANARY}"], {}),
            ([f"{plain} password='{CANARY} with blank'"], {}),
            (["-h", host, "-p", str(port), "-U", "owner", "-d", "postgres"], {"PGPASSWORD": CANARY}),
            ([plain], {"PGPASSFILE": str(passfile)}),
            (["service=here"], {"PGSERVICEFILE": str(service)}),
        ]

    def test_no_form_of_a_failed_login_shows_the_password(self):
        for arguments, variables in self.forms("127.0.0.1", self.server.port):
            for command in ("analyze", "check"):
                done = support.run(command, *arguments, "--log-level", "debug", env=support.environment(**variables))
                self.assertEqual(done.returncode, 3, f"{arguments}: {done.stderr}")
                self.assertIn("password", done.stderr)
                self.assertNotIn(CANARY, done.stderr + done.stdout, f"{command} {arguments}")

    def test_a_server_that_is_down_and_a_name_that_does_not_resolve(self):
        for arguments, variables in self.forms("127.0.0.1", support.free_port()) + self.forms("no-such-host.invalid", 5432):
            done = support.run("analyze", *arguments, env=support.environment(**variables))
            self.assertEqual(done.returncode, 3, f"{arguments}: {done.stderr}")
            self.assertNotIn(CANARY, done.stderr + done.stdout)

    def test_the_right_password_in_every_form(self):
        for arguments, variables in self.forms("127.0.0.1", self.server.port):
            given = [argument.replace(CANARY + " with blank", CANARY) for argument in arguments]
            given = [argument.replace(CANARY, "owner-password") for argument in given]
            variables = dict(variables)
            for key in ("PGPASSFILE", "PGSERVICEFILE"):
                if key in variables:
                    path = pathlib.Path(variables[key])
                    path.write_text(path.read_text().replace(CANARY, "owner-password"))
            if "PGPASSWORD" in variables:
                variables["PGPASSWORD"] = "owner-password"
            done = support.run("check", *given, env=support.environment(**variables))
            # The extension is not made there: blocking, and so exit code 4.
            self.assertEqual(done.returncode, 4, f"{given}: {done.stderr}{done.stdout}")
            self.assertIn("CREATE EXTENSION", done.stdout)

    def test_check_says_as_json_what_the_server_is_and_what_is_missing(self):
        connection = f"postgresql://owner:owner-password@127.0.0.1:{self.server.port}/postgres"
        done = support.run("check", connection, "--output", "json")
        self.assertEqual(done.returncode, 4, done.stderr)
        report = json.loads(done.stdout)
        self.assertIn(report["server_version"] // 10000, range(13, 30))
        self.assertEqual((report["role"], report["standby"]), ("owner", False))
        self.assertEqual([tier["tier"] for tier in report["tiers"]], ["counters", "planning"])
        self.assertFalse(report["tiers"][0]["reached"])
        self.assertIn("pg_stat_statements", report["tiers"][0]["why_not"])
        absent = next(finding for finding in report["findings"] if finding["code"] == "extension_absent")
        self.assertEqual((absent["severity"], absent["needs_restart"]), ("blocking", False))

    def test_asking_for_a_password_without_a_terminal_says_what_to_do(self):
        self.check_error(support.run("analyze", "-h", "127.0.0.1", "-W"), 2, ".pgpass")


if __name__ == "__main__":
    unittest.main()
