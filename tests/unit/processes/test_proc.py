"""What /proc says of a process: it is over only with its last thread."""

from __future__ import annotations

import subprocess
import sys

from airflow_lite.processes.proc import is_over

#: Its first thread ends by itself; another one waits for the end of the input.
FIRST_THREAD_ENDS = """
import ctypes, os, platform, sys, threading

def wait():
    while open(f"/proc/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "Z":
        pass
    print("alone", flush=True)
    sys.stdin.read()
    os._exit(0)

threading.Thread(target=wait).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_a_process_is_not_over_while_one_of_its_threads_runs():
    words = [sys.executable, "-c", FIRST_THREAD_ENDS]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None  # they are pipes
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == b"alone\n"
        assert not is_over(process.pid)
        process.stdin.close()
        assert process.stdout.read() == b""
    assert is_over(process.pid)
