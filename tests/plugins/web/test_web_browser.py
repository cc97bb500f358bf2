"""Pages and actions in a real Chromium, against a real scheduler."""

from __future__ import annotations

import re

import pytest

from fixtures.homes import Home
from plugins.web.browsing import PATIENCE_MS, Site, opened, serving

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect
expect.set_options(timeout=PATIENCE_MS)

DAG = """
from datetime import datetime, timedelta
from pathlib import Path

from airflow_lite import DAG, BashOperator, EmptyOperator, Param, task

with DAG(
    "steady",
    schedule=None,
    start_date=datetime(2024, 1, 1),
    params={"days": Param(3, type="integer", minimum=1, maximum=9)},
    tags=["first"],
):
    @task
    def count(params=None):
        print("counting", params["days"], "days")
        return params["days"]

    count() >> BashOperator(task_id="done", bash_command="echo done")

with DAG("shaky", schedule=None, start_date=datetime(2024, 1, 1)):
    @task
    def falls():
        if not Path(__file__).with_name("mended").exists():
            raise ValueError("nothing <b>to</b> stand on")

    falls() >> BashOperator(task_id="after", bash_command="true")

with DAG("slow", schedule=None, start_date=datetime(2024, 1, 1)):
    BashOperator(task_id="waits", bash_command="echo begun; sleep 600")

with DAG("daily", schedule="@daily", start_date=datetime(2024, 1, 1), end_date=datetime(2024, 1, 2)):
    EmptyOperator(task_id="only")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("web") / "home")
    home.dag("some", DAG)
    with home.scheduler(), serving(home) as (address, token):
        site = Site(home, address, token)
        site.trigger("shaky", "first", "--wait")
        yield site


@pytest.fixture
def page(chromium, site, session):
    with opened(chromium, site, session) as page:
        yield page


def test_a_run_is_triggered_by_the_form_and_watched_live_to_its_end(page):
    page.goto("/dags/steady/trigger?days=5")
    expect(page.get_by_label("days")).to_have_value("5")
    page.get_by_text("Run id, date, conf and note").click()
    page.get_by_label("Run id").fill("by-form")

    page.get_by_role("button", name="Trigger").click()

    expect(page.get_by_role("heading", name="by-form")).to_be_visible()
    expect(page.locator(".head .state")).to_contain_text("success")  # without a reload
    page.get_by_text("count", exact=True).first.click()
    expect(page.get_by_role("log")).to_contain_text("counting 5 days")


def test_an_open_grid_shows_a_run_that_somebody_else_makes(page, site):
    page.goto("/dags/steady/grid")
    expect(page.locator("#live")).to_have_text("live")

    site.trigger("steady", "from-elsewhere")

    expect(page.get_by_title(re.compile("from-elsewhere: success"))).to_be_visible()


HIDE = """isHidden => {
    Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_page_that_nobody_sees_holds_no_stream_and_catches_up_when_it_is_seen(page, site):
    page.goto("/dags/steady/grid")
    expect(page.locator("#live")).to_have_text("live")

    with page.expect_event("requestfailed", lambda request: "/events?" in request.url):
        page.evaluate(HIDE, True)
    site.trigger("steady", "unseen", "--wait")
    expect(page.get_by_title(re.compile("unseen: success"))).to_have_count(0)
    page.evaluate(HIDE, False)

    expect(page.get_by_title(re.compile("unseen: success"))).to_be_visible()


#: Found and measured in one step: a live page may take an element away that was found before.
PLACES_OF_GRID = """
() => {
  const box = document.querySelector(".grid-box");
  return [box.scrollLeft + box.clientWidth, box.scrollWidth, box.clientWidth];
}
"""


def test_a_grid_that_is_wider_than_the_page_begins_with_the_newest_runs(page, site):
    for number in range(4):
        site.trigger("steady", f"wide-{number}")
    page.set_viewport_size({"width": 160, "height": 800})
    page.goto("/dags/steady/grid")

    end, width, seen = page.evaluate(PLACES_OF_GRID)

    assert width > seen
    assert end == pytest.approx(width, abs=1)


def test_a_grid_at_its_newest_run_goes_on_to_the_next_one(page, site):
    page.set_viewport_size({"width": 160, "height": 800})
    page.goto("/dags/steady/grid")
    hears_keys(page)

    site.trigger("steady", "next-one")

    expect(page.get_by_title(re.compile("next-one: "))).to_be_in_viewport(ratio=1)


PLACES_OF_TRIES = """
() => {
  const box = document.querySelector(".graph-box");
  const lines = [...box.querySelectorAll("svg.times line")].map((line) => line.getBoundingClientRect().x);
  const bar = box.querySelector("svg.times rect.s-failed:not(.wait)").getBoundingClientRect();
  return [box.scrollWidth, box.clientWidth, lines[0], lines.at(-1), bar.left, bar.right];
}
"""


def test_the_tries_of_a_run_fit_a_laptop(page):
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto("/dags/shaky/runs/first/gantt")

    width, seen, begin, end, left, right = page.evaluate(PLACES_OF_TRIES)

    assert width == seen
    assert end - begin > 600
    assert begin < left < right <= end + 2


def test_a_failure_is_read_from_the_first_page_mended_and_cleared(page, site):
    page.goto("/")
    page.get_by_role("link", name="shaky · falls").first.click()
    expect(page.get_by_role("log")).to_contain_text("ValueError: nothing <b>to</b> stand on")
    (site.home.dags / "mended").touch()

    page.get_by_role("button", name="Clear with downstream").click()
    expect(page.get_by_text("2 task instances")).to_be_visible()
    expect(page.locator("code.command")).to_contain_text("airflow-lite tasks clear shaky")
    page.get_by_role("button", name="Clear with downstream").click()

    expect(page.get_by_role("status")).to_have_text("Cleared 2 task instances in 1 run.")
    expect(page.locator(".head .state")).to_contain_text("success")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("cell", name="user admin").first).to_be_visible()


def test_cells_are_picked_in_the_grid_and_marked(page, site):
    site.trigger("steady", "marked", "--wait")
    page.goto("/dags/steady/grid?runs=1")
    page.get_by_role("link", name="Select cells").click()
    hears_keys(page)
    boxes = page.locator(".grid input[type=checkbox]")
    boxes.first.check(force=True)
    boxes.last.click(force=True, modifiers=["Shift"])
    picked = int(page.locator("[data-picked]").inner_text())
    assert picked == boxes.count() > 1

    page.get_by_role("button", name="Mark failed").click()
    expect(page.get_by_text(f"{picked} task instances")).to_be_visible()
    page.get_by_role("button", name="Mark failed").click()

    expect(page.get_by_role("status")).to_have_text(f"Marked {picked} task instances failed.")


#: What the page asks for from now on is answered when `letGo` is called.
HOLD_ANSWERS = """
() => {
  const ask = window.fetch;
  window.fetch = async (...asked) => {
    const text = await (await ask(...asked)).text();
    await new Promise((resolve) => { window.letGo = resolve; });
    return new Response(text);
  };
}
"""
LET_GO = """
() => new Promise((resolve) => {
  window.letGo();
  setTimeout(() => requestAnimationFrame(resolve), 50);
})
"""


def test_what_is_picked_stays_when_the_page_was_just_asked_for_anew(page, site):
    site.trigger("steady", "seen", "--wait")
    page.goto("/dags/steady/grid?runs=1")
    page.get_by_role("link", name="Select cells").click()
    hears_keys(page)
    page.evaluate(HOLD_ANSWERS)
    site.trigger("steady", "changes-the-page")
    page.wait_for_function("() => window.letGo")

    page.locator(".grid input[type=checkbox]").first.check(force=True)
    page.evaluate(LET_GO)

    expect(page.locator("[data-picked]")).to_have_text("1")
    assert page.locator(".grid input:checked").count() == 1


#: Count what a page was told, once it has heard it.
COUNT_CHANGES = """
window.changes = 0;
window.EventSource = class extends EventSource {
  constructor(address) {
    super(address);
    this.addEventListener("change", () => setTimeout(() => { window.changes += 1; }));
  }
};
"""
FETCH_PAGE = "async () => { await (await fetch(location.href)).text(); }"


@pytest.mark.parametrize(("device", "done"), [("mouse", "Paused"), ("keyboard", "Unpaused")])
def test_what_is_pressed_is_not_replaced_before_it_is_let_go(page, site, device, done):
    """Or there is no click: the press would end on another element than it began on."""
    page.add_init_script(COUNT_CHANGES)
    page.goto("/dags/daily/grid")
    page.wait_for_function("() => window.changes")  # its stream tells of one as it begins
    button = page.get_by_role("button", name=done[:-1])
    button.hover()
    button.focus()
    pressed, words = (page.mouse, ()) if device == "mouse" else (page.keyboard, ("Space",))

    pressed.down(*words)
    before = page.evaluate("window.changes")
    site.trigger("daily", f"while-{device}")
    page.wait_for_function(f"() => window.changes > {before}")
    page.evaluate(FETCH_PAGE)  # in this time it would have been replaced
    pressed.up(*words)

    expect(page.get_by_role("status")).to_have_text(f"{done} daily.")


def test_a_run_is_stopped_while_its_log_grows(page, site):
    site.trigger("slow", "endless")
    page.goto("/dags/slow/runs/endless/tasks/waits/log")
    expect(page.get_by_role("log")).to_contain_text("begun")

    page.get_by_role("link", name="endless").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Stop the run").click()

    expect(page.get_by_role("status")).to_contain_text("Stopped: 1 task instance ended.")
    expect(page.locator(".head .state")).to_contain_text("failed")


def test_a_backfill_is_counted_made_and_watched_to_its_end(page):
    page.goto("/dags/daily/grid")
    page.get_by_role("link", name="Backfill").click()
    page.get_by_label("First logical date").fill("2023-05-01")
    page.get_by_label("Last logical date").fill("2023-05-03")
    page.get_by_role("button", name="Count").click()
    expect(page.get_by_text("3 runs are made")).to_be_visible()

    page.get_by_role("button", name="Backfill 3 runs").click()

    expect(page.get_by_role("status")).to_have_text("Backfill: 3 runs made.")
    ended = page.get_by_role("row", name=re.compile(r"backfill__2023-05-0\d.* success"))
    expect(ended).to_have_count(3)  # without a reload


def test_all_is_read_and_done_without_a_script(chromium, site, session):
    with opened(chromium, site, session, java_script_enabled=False) as page:
        page.goto("/")
        page.get_by_role("link", name="steady", exact=True).click()
        expect(page.get_by_role("heading", name="steady")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_role("status")).to_have_text("Paused steady.")
        page.get_by_role("button", name="Unpause").click()
        expect(page.get_by_role("status")).to_have_text("Unpaused steady.")
        page.get_by_role("link", name="Trigger").click()
        page.get_by_label("days").fill("2")
        page.get_by_role("button", name="Trigger").click()
        expect(page.get_by_role("status")).to_have_text("Triggered.")


def hears_keys(page):
    """Wait until the page's script has begun."""
    expect(page.locator("#live")).to_have_text("live")


def test_keys_search_step_and_open(page):
    page.goto("/")
    hears_keys(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    name = page.locator("tr.at a.name").inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible()

    hears_keys(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    expect(page.get_by_role("heading", name="DAGs")).to_be_visible()
    hears_keys(page)
    page.keyboard.press("/")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(page.locator("a.name")).to_have_text(["steady"])


#: Open and close the keys' dialog, and press a key before the browser has made its next frame:
#: the focus is still in the dialog then.
PRESS_AFTER_DIALOG = """
() => {
  const dialog = document.getElementById("keys");
  dialog.showModal();
  dialog.close();
  const focused = document.activeElement;
  focused.dispatchEvent(new KeyboardEvent("keydown", {key: "j", bubbles: true, cancelable: true}));
  return focused.id;
}
"""


def test_a_key_right_after_a_dialog_was_closed_is_not_lost(page):
    page.goto("/")
    hears_keys(page)

    assert page.evaluate(PRESS_AFTER_DIALOG) == "keys"

    expect(page.locator("tr.at")).to_have_count(1)


def test_keys_work_on_a_link_that_has_the_focus_and_enter_follows_it(page):
    page.goto("/")
    hears_keys(page)
    page.get_by_role("link", name="Pools").focus()
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_have_count(1)

    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Pools")).to_be_visible()


def test_times_are_in_the_readers_zone_with_utc_on_hover(chromium, site, session):
    with opened(chromium, site, session, timezone_id="Asia/Kabul") as page:
        page.goto("/dags/shaky/runs/first/gantt")
        moment = page.locator("dd time").first

        utc, local = moment.get_attribute("title"), moment.inner_text()
        assert utc.endswith(" UTC")
        assert minutes(local) == (minutes(utc) + 270) % 1440
        expect(page.locator("#zone")).to_contain_text("Asia/Kabul")


def minutes(text):
    ((hour, minute),) = re.findall(r" (\d\d):(\d\d)", text)
    return int(hour) * 60 + int(minute)


SOME_PAGES = [
    "/",
    "/dags/shaky/grid",
    "/dags/shaky/grid?select=1",
    "/dags/shaky/graph",
    "/dags/shaky/code",
    "/dags/shaky/details",
    "/dags/shaky/runs/first/gantt",
    "/dags/shaky/runs/first/tasks/falls/log",
    "/dags/steady/trigger",
    "/dags/daily/backfill?first=2023-04-01&last=2023-06-30",
    "/executors",
    "/datasets",
    "/pools",
    "/connections",
    "/variables",
    "/settings",
]


#: What a colour on another must have, by WCAG 2.1 AA.
CONTRAST = """
() => {
  const light = (text) => {
    const parts = text.match(/[\\d.]+/g).map(Number);
    const [r, g, b] = parts.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const element of document.querySelectorAll("main *, header *, footer *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || element.closest("svg, [aria-hidden], .hidden, .mark, .grid td, .state b")) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${element.tagName}.${element.className} ${element.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
}
"""
NAMELESS = """
() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea")]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.title || (e.labels && e.labels.length) || e.querySelector("title, img[alt]")))
  .map((e) => e.outerHTML.slice(0, 100))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_telephone_and_can_be_read_by_everybody(chromium, site, session, scheme):
    size = {"width": 400, "height": 800}
    with opened(chromium, site, session, viewport=size, color_scheme=scheme) as page:
        for path in SOME_PAGES:
            page.goto(path, wait_until="domcontentloaded")
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, path
            assert page.evaluate(CONTRAST) == [], path
            assert page.evaluate(NAMELESS) == [], path
