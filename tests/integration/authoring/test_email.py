"""E-mail of failed tries, and what a task sends itself, over real SMTP servers."""

from __future__ import annotations

import os
import re
import smtplib
import socket
import sys
from pathlib import Path

import pytest

from airflow_lite import AirflowException, send_email
from airflow_lite.authoring.mail.send import _advice
from airflow_lite.errors import ConfigError
from fixtures.pages import BLOCK, Shell
from fixtures.smtp import tls
from fixtures.waits import wait_until

DOCS = Path(__file__).parents[3] / "docs"
HEADER = """
import os, signal
from datetime import datetime
from airflow_lite import DAG, AirflowSkipException, EmailOperator, PythonOperator, mask_secret

def fail():
    mask_secret("hunter2x")
    raise ValueError("no <rows>, password hunter2x")

def skip():
    raise AirflowSkipException

def vanish():
    os.kill(os.getpid(), signal.SIGKILL)

def called(context):
    print("the author's own callback")

dag = DAG("mailing", schedule=None, start_date=datetime(2024, 1, 1),
          default_args={"email": "ops@example.com; dev@example.com", "retry_delay": 0})

def task(function, **options):
    return PythonOperator(task_id=function.__name__, python_callable=function, dag=dag, **options)
"""


@pytest.fixture
def mailing(home, mailbox):
    """Write the DAG `mailing` of these lines into a home that sends to `mailbox`."""
    home.environ |= mailbox.options

    def write(lines):
        home.dag("mailing", HEADER + lines)
        return home

    return write


@pytest.fixture
def settings(home, monkeypatch):
    """Set options for this process."""

    def use(options):
        for name, value in {"AIRFLOW_LITE_HOME": str(home.folder), **options}.items():
            monkeypatch.setenv(name, value)

    return use


def run(home, exit_code=1):
    return home.run("dags", "test", "mailing", "2024-06-01", exit_code=exit_code)


def log_of(home, task_id, attempt=1):
    (path,) = home.folder.glob(f"logs/**/task_id={task_id}/attempt={attempt}.log")
    return path.read_text()


def test_each_failed_try_is_told_to_all_addresses(mailing, mailbox):
    run(mailing("task(fail, retries=1)"))

    first, last = mailbox.messages
    assert first["To"] == last["To"] == "ops@example.com, dev@example.com"
    assert first["From"] == "airflow@example.com"
    assert first["Subject"].startswith("Airflow alert: <TaskInstance: mailing.fail ")
    text = first.get_content()
    assert first.get_content_type() == "text/html"
    assert "Try 1 of 2" in text
    assert "Try 2 of 2" in last.get_content()
    assert "no &lt;rows&gt;" in text
    assert re.search("airflow-lite tasks logs mailing fail '?manual__2024-06-01", text)


def test_what_is_secret_is_masked_in_e_mail_too(mailing, mailbox):
    run(mailing("task(fail)"))

    (message,) = mailbox.messages
    assert "password ***" in message.get_content()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("email_on_retry=False", ["Try 2 of 2"]),
        ("email_on_failure=False", ["Try 1 of 2"]),
        ("email=None", []),
    ],
)
def test_a_task_says_which_tries_are_told(mailing, mailbox, options, told):
    run(mailing(f"task(fail, retries=1, {options})"))

    texts = "".join(message.get_content() for message in mailbox.messages)
    assert re.findall(r"Try \d of \d", texts) == told


def test_settings_say_which_tries_are_told_where_a_task_does_not(mailing, mailbox):
    home = mailing("task(fail, retries=1)")
    home.environ["AIRFLOW_LITE__EMAIL__DEFAULT_EMAIL_ON_RETRY"] = "False"
    run(home)

    assert len(mailbox.messages) == 1


def test_success_and_skips_are_not_told(mailing, mailbox):
    run(mailing("task(print)\ntask(skip)"), exit_code=0)

    assert mailbox.messages == []


def test_a_task_whose_process_was_killed_is_told_as_well(mailing, mailbox):
    home = mailing("task(vanish)")
    with home.scheduler():
        home.run("dags", "trigger", "mailing", "--wait", exit_code=1)
        wait_until(lambda: mailbox.messages, "the e-mail")

    (message,) = mailbox.messages
    assert "mailing.vanish" in message["Subject"]
    assert "SIGKILL" in message.get_content()


def test_an_e_mail_that_cannot_be_sent_is_told_in_the_log_and_changes_nothing(home):
    home.dag("mailing", HEADER + "task(fail, on_failure_callback=called)")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    home.environ |= {
        "AIRFLOW_LITE__SMTP__SMTP_HOST": "127.0.0.1",
        "AIRFLOW_LITE__SMTP__SMTP_PORT": str(port),
    }
    run(home)

    log = log_of(home, "fail")
    assert f"was not sent by 127.0.0.1:{port}: [Errno 111] Connection refused" in log
    assert "the author's own callback" in log
    assert "Marking task as FAILED (ValueError" in log


def test_templates_of_the_settings_make_subject_and_text(mailing, mailbox, tmp_path):
    home = mailing("task(fail)")
    subject, content = tmp_path / "subject", tmp_path / "content"
    subject.write_text("{{ dag.dag_id }}: {{ ti.task_id }}\nfailed")
    content.write_text("{{ exception_html }} in try {{ try_number }}/{{ max_tries + 1 }}")
    home.environ |= {
        "AIRFLOW_LITE__EMAIL__SUBJECT_TEMPLATE": str(subject),
        "AIRFLOW_LITE__EMAIL__HTML_CONTENT_TEMPLATE": str(content),
    }
    run(home)

    (message,) = mailbox.messages
    assert message["Subject"] == "mailing: fail failed"
    assert message.get_content().strip() == "no &lt;rows&gt;, password *** in try 1/1"


def test_a_template_that_fails_is_told_and_the_usual_text_sent(mailing, mailbox, tmp_path):
    home = mailing("task(fail)")
    home.environ["AIRFLOW_LITE__EMAIL__SUBJECT_TEMPLATE"] = str(tmp_path / "gone")
    run(home)

    (message,) = mailbox.messages
    assert message["Subject"].startswith("Airflow alert")
    assert "[email] subject_template cannot be used" in log_of(home, "fail")


def test_a_task_sends_files_and_copies_by_a_connection(home, make_mailbox, authority, tmp_path):
    box = make_mailbox(tls_context=tls(authority), auth_required=True)
    report = tmp_path / "report.csv"
    report.write_text("a,b\n")
    (home.folder / "dags").mkdir(exist_ok=True)
    (home.folder / "dags" / "text.html").write_text("<b>{{ ds }}</b>")
    home.environ |= box.options | {
        "AIRFLOW_LITE__SMTP__SMTP_STARTTLS": "True",
        "SSL_CERT_FILE": str(authority.folder / "ca.pem"),
        "AIRFLOW_CONN_RELAY": "smtp://me:let%20me%20in@",
    }
    home.dag(
        "mailing",
        HEADER
        + f"""
EmailOperator(task_id="send", dag=dag, to=["a@example.com", "Bé <b@example.com>"],
    subject="Grüße von {{{{ ds }}}}", html_content="text.html", files=[{str(report)!r}],
    cc="c@example.com", bcc="d@example.com", conn_id="relay", custom_headers={{"X-Team": "ops"}})
""",
    )
    run(home, exit_code=0)

    (message,) = box.messages
    assert box.users == [("me", "let me in")]
    assert message["Subject"] == "Grüße von 2024-06-01"
    assert message["To"] == "a@example.com, Bé <b@example.com>"
    assert (message["Cc"], message["Bcc"], message["X-Team"]) == ("c@example.com", None, "ops")
    assert sorted(box.envelopes[0].rcpt_tos) == [f"{name}@example.com" for name in "abcd"]
    text, file = message.iter_parts()
    assert text.get_content().strip() == "<b>2024-06-01</b>"
    assert (file.get_filename(), file.get_content()) == ("report.csv", "a,b\n")
    assert "let me in" not in log_of(home, "send")


@pytest.mark.parametrize(
    ("password", "reason"),
    [("wrong", "Check .smtp. smtp_user and smtp_password"), ("silence", "timed out")],
)
def test_a_password_that_is_not_taken_is_given_once(
    make_mailbox, authority, settings, password, reason
):
    box = make_mailbox(tls_context=tls(authority), auth_required=True)
    settings(
        box.options
        | {
            "AIRFLOW_LITE__SMTP__SMTP_STARTTLS": "True",
            "AIRFLOW_LITE__SMTP__SMTP_USER": "me",
            "AIRFLOW_LITE__SMTP__SMTP_PASSWORD": password,
            "AIRFLOW_LITE__SMTP__SMTP_TIMEOUT": "5" if password == "silence" else "30",
            "SSL_CERT_FILE": str(authority.folder / "ca.pem"),
        }
    )
    with pytest.raises(AirflowException, match=reason):
        send_email("a@example.com", "s", "text")
    assert {user for user, _ in box.users} == {"me"}
    assert len(box.users) <= 2  # by each of the server's ways, of one session
    assert box.messages == []


def test_a_server_that_goes_away_is_tried_again(mailbox, settings):
    settings(mailbox.options)
    mailbox.answers = ["421 closing"] * 4
    send_email("a@example.com", "s", "text")
    assert len(mailbox.messages) == 1

    mailbox.answers = ["421 closing"] * 5
    with pytest.raises(AirflowException, match=r"was not sent by 127.0.0.1:\d+: closing\. "):
        send_email("a@example.com", "s", "text")


def test_a_message_that_is_refused_is_not_tried_again(mailbox, settings):
    settings(mailbox.options)
    mailbox.answers = ["550 no such user"]
    with pytest.raises(AirflowException, match=r"no such user\. Ask whoever runs that server"):
        send_email("a@example.com", "s", "text")
    assert mailbox.messages == []


def test_what_to_do_goes_by_what_the_server_said():
    assert "smtp_password" in _advice(smtplib.SMTPAuthenticationError(535, "no"))
    assert _advice(smtplib.SMTPRecipientsRefused({})) == "Check the addresses."
    assert "smtp_host" in _advice(ConnectionRefusedError())


def test_a_certificate_that_nobody_knows_is_refused_unless_the_settings_take_any(
    make_mailbox, authority, settings
):
    box = make_mailbox(ssl_context=tls(authority))
    settings(box.options | {"AIRFLOW_LITE__SMTP__SMTP_SSL": "True"})
    with pytest.raises(AirflowException, match="CERTIFICATE_VERIFY_FAILED"):
        send_email("a@example.com", "s", "text")
    assert box.messages == []

    settings({"AIRFLOW_LITE__EMAIL__SSL_CONTEXT": "none"})
    send_email("a@example.com", "s", "text")
    assert len(box.messages) == 1


def test_an_e_mail_backend_of_the_users_takes_the_place_of_smtp(mailing, mailbox):
    home = mailing("""
def note(to, subject, html_content, **options):
    print("sent by me:", to, subject, sorted(options))

task(fail)
""")
    home.environ["AIRFLOW_LITE__EMAIL__EMAIL_BACKEND"] = "mailing.note"
    run(home)

    assert "sent by me: ops@example.com, dev@example.com Airflow alert" in log_of(home, "fail")
    assert mailbox.messages == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"to": []}, "no recipient"),
        ({"to": "a@example.com", "mime_subtype": "odd"}, "mime_subtype is 'odd'"),
    ],
)
def test_what_cannot_be_sent_is_said(mailbox, settings, arguments, message):
    settings(mailbox.options)
    with pytest.raises(AirflowException, match=message):
        send_email(subject="s", html_content="text", **arguments)


def test_addresses_are_text(settings, mailbox):
    settings(mailbox.options)
    with pytest.raises(TypeError, match="E-mail addresses are text"):
        send_email({"a@example.com": 1}, "s", "text")


def test_settings_of_e_mail_are_checked(settings, mailbox):
    settings(mailbox.options | {"AIRFLOW_LITE__SMTP__SMTP_PORT": "0"})
    with pytest.raises(ConfigError, match="smtp_port"):
        send_email("a@example.com", "s", "text")


def test_the_page_of_the_docs_shows_what_happens(home, mailbox, wait_until):
    """The settings of the page, but for this test's server and its port."""
    page = (DOCS / "how-to/send-e-mail.md").read_text()
    blocks = [match.groupdict() for match in BLOCK.finditer(page)]
    (settings,) = [block["body"] for block in blocks if block["kind"] == "ini"]
    replaced = {"mail.example.com": "127.0.0.1", "587": f"{mailbox.port}\nsmtp_starttls = False"}
    for written, used in replaced.items():
        settings = settings.replace(written, used)
    (home.folder / "airflow_lite.cfg").write_text(settings)
    (home.folder / "dags").mkdir(exist_ok=True)
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = Shell(home, wait_until)
    for block in blocks:
        if "AIRFLOW_CONN" not in block["body"]:  # whose server wants no password
            shell.run(block)

    assert [message["To"] for message in mailbox.messages] == [
        "sales@example.com",
        "ops@example.com",
    ]
    assert mailbox.messages[0]["Subject"] == "Orders of 2024-06-01"
    assert "the shop does not answer" in mailbox.messages[1].get_content()
