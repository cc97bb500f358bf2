"""What a terminal is sent: letters, line ends and colours, whatever a text asks it to do."""

from __future__ import annotations

import io

import pytest

from airflow_lite.terminal import SafeStream, printable, raw, safe


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e9\u4e2d\tand\nlines\r\n", "plain \u00e9\u4e2d\tand\nlines\r\n"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b]52;c;cm0=\x1b\\", "\\x1b]52;c;cm0=\\x1b\\"),
        ("\x1b[2J\x1b[31mred", "\\x1b[2J\\x1b[31mred"),
        ("over\rwritten", "over\\rwritten"),
        ("\x9b2J\x85", "\\x9b2J\\x85"),
        ("a\x08b\x00\x7f", "a\\x08b\\x00\\x7f"),
        ("\u202egnp.exe\u2066", "\\u202egnp.exe\\u2066"),
    ],
)
def test_control_characters_are_shown_rather_than_obeyed(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m \x1b[m", "\x1b[1;31mred\x1b[0m \x1b[m"),
        ("\x1b[8mhidden", "\\x1b[8mhidden"),
        ("\x1b[1;08mhidden", "\\x1b[1;08mhidden"),
        ("\x1b[38;5;9mred", "\x1b[38;5;9mred"),
        ("\x1b[31m\x1b[2J", "\x1b[31m\\x1b[2J"),
        ("\x1b[2\x1b[31mJ", "\\x1b[2\x1b[31mJ"),
    ],
)
def test_a_stream_lets_colours_through_and_nothing_that_hides(text, shown):
    terminal = Terminal()
    assert SafeStream(terminal).write(text) == len(text)

    assert terminal.getvalue() == shown


def test_print_and_writelines_go_through_it():
    terminal = Terminal()
    stream = safe(terminal)
    print("a\x1bb", file=stream, flush=True)
    stream.writelines(["c\x07", "\n"])

    assert terminal.getvalue() == "a\\x1bb\nc\\x07\n"


def test_what_is_no_terminal_gets_every_byte():
    pipe = io.StringIO()

    assert safe(pipe) is pipe
    assert raw(pipe) is pipe
    assert raw(safe(safe(Terminal()))).isatty()
