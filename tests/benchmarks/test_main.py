"""The command line of the measurements."""

from click.testing import CliRunner

from benchmarks.__main__ import cli


def test_help_has_a_whole_line_for_each_command() -> None:
    lines = CliRunner().invoke(cli, ["--help"], terminal_width=80).output.splitlines()
    commands = [line.split() for line in lines[lines.index("Commands:") + 1 :]]
    assert [words[0] for words in commands] == sorted(cli.commands)
    assert all(words[-1].endswith(".") and not words[-1].endswith("...") for words in commands)


def test_an_attack_that_does_not_exist_is_refused() -> None:
    done = CliRunner().invoke(cli, ["fairness", "--only", "XML"])
    assert done.exit_code == 2
    assert "no attack has 'XML' in its name" in done.output
