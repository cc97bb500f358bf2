// The one script: times in the reader's zone, keys, selecting cells, logs, and live pages.
// Without it every page reads and acts as well; nothing here is needed.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const two = (number) => String(number).padStart(2, "0");

  function localTimes(root) {
    for (const element of all("time[datetime]", root)) {
      const date = new Date(element.getAttribute("datetime"));
      if (Number.isNaN(date.getTime())) continue;
      const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
      const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
      element.textContent = element.dataset.short === undefined ? `${day} ${time}` : `${day.slice(5)} ${time.slice(0, 5)}`;
    }
  }

  function nameZone() {
    const zone = document.getElementById("zone");
    const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && name !== "UTC") zone.textContent = `Times are ${name}; UTC shows on hover`;
  }

  // Keys -------------------------------------------------------------------------------------
  const rows = () => all("[data-rows] > tbody > tr");

  function step(by) {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex((row) => row.classList.contains("at"));
    const next = Math.min(Math.max(at + by, 0), list.length - 1);
    list.forEach((row, index) => row.classList.toggle("at", index === next));
    list[next].scrollIntoView({ block: "nearest" });
  }

  function open() {
    const link = document.querySelector("[data-rows] > tbody > tr.at a");
    if (link) link.click();
  }

  const keys = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    g: () => { location.href = "/"; },
    "?": () => document.getElementById("keys")?.showModal(),
    Enter: open,
  };

  // A key belongs to a field that takes text, and to what is in an open dialog; Enter to whatever
  // it would press. A dialog that was just closed has the focus until the next frame.
  function belongsTo(target, key) {
    if (target.closest("dialog[open], textarea, select, input:not([type=checkbox], [type=radio])")) return true;
    return key === "Enter" && target.closest("a, button, summary, input") !== null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    if (belongsTo(event.target, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  // Selecting cells ----------------------------------------------------------------------------
  let last = null;

  function countPicked() {
    const shown = document.querySelector("[data-picked]");
    if (shown) shown.textContent = all(".grid input:checked").length;
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest(".grid input[type=checkbox]");
    if (!box) return;
    if (event.shiftKey && last) {
      const cells = all(".grid input[type=checkbox]");
      const place = (one) => [one.closest("tr").rowIndex, one.closest("td").cellIndex];
      const [[a, b], [c, d]] = [place(last), place(box)];
      for (const cell of cells) {
        const [row, column] = place(cell);
        if (row >= Math.min(a, c) && row <= Math.max(a, c) && column >= Math.min(b, d) && column <= Math.max(b, d)) cell.checked = box.checked;
      }
    }
    last = box;
    countPicked();
  });

  // Live: the server says that something changed, and the page is asked for anew ------------------
  // What is pressed may not go away before it is let go: there would be no click.
  let isPressed = false;
  const isBusy = () => isPressed || all("input:checked, dialog[open]").length > 0 || document.activeElement?.matches("input, textarea, select");
  let isFetching = false;
  let isStale = false;

  async function renew() {
    if (document.hidden || isBusy() || isFetching) { isStale = true; return; }
    isFetching = true;
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      const text = await answer.text();
      if (isBusy()) isStale = true; // the reader began to pick or to type meanwhile
      else if (answer.ok && !answer.redirected) replace(text);
    } catch { /* the next change tries again */ }
    isFetching = false;
    if (isStale) renew();
  }

  const AS_OPENED = { left: 0, top: 0, isAtRight: true, isAtBottom: true };
  const placeOf = (box) => ({
    left: box.scrollLeft,
    top: box.scrollTop,
    isAtRight: box.scrollLeft + box.clientWidth >= box.scrollWidth - 4,
    isAtBottom: box.scrollTop + box.clientHeight >= box.scrollHeight - 4,
  });

  function replace(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
    const old = document.querySelector("main");
    if (!fresh || !old) return;
    localTimes(fresh);
    const opened = all("details[open][id]", old).map((one) => one.id);
    for (const id of opened) fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    const at = rows().findIndex((row) => row.classList.contains("at"));
    const places = all("[data-scroll]", old).map(placeOf);
    if (fresh.innerHTML === old.innerHTML) return;
    old.replaceChildren(...fresh.childNodes);
    all("[data-scroll]", old).forEach((box, index) => {
      const { left, top, isAtRight, isAtBottom } = places[index] || AS_OPENED;
      box.scrollLeft = box.dataset.scroll === "newest" && isAtRight ? box.scrollWidth : left;
      box.scrollTop = box.dataset.scroll === "end" && isAtBottom ? box.scrollHeight : top;
    });
    if (at >= 0) rows()[at]?.classList.add("at");
  }

  // A page that nobody sees holds no stream: a browser has few connections to a server for all its
  // tabs, and the server may sleep. A stream tells of a change as it begins.
  function listen(parameters) {
    const shown = document.getElementById("live");
    let source = null;
    const follow = () => {
      source?.close();
      source = document.hidden ? null : new EventSource(`/events?${parameters}`);
      source?.addEventListener("open", () => { if (shown) { shown.hidden = false; shown.textContent = "live"; } });
      source?.addEventListener("error", () => { if (shown) shown.textContent = "not live: the server does not answer"; });
      source?.addEventListener("change", renew);
    };
    const catchUp = () => { if (isStale) renew(); };
    follow();
    document.addEventListener("visibilitychange", follow);
    const press = () => { isPressed = true; };
    const letGo = () => { isPressed = false; setTimeout(catchUp); };
    for (const what of ["pointerdown", "keydown"]) document.addEventListener(what, press, true);
    for (const what of ["pointerup", "pointercancel", "keyup"]) document.addEventListener(what, letGo, true);
    window.addEventListener("blur", letGo); // it is let go elsewhere
    for (const what of ["change", "close", "focusout"]) document.addEventListener(what, () => setTimeout(catchUp), true);
  }

  document.querySelector(".bar [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  localTimes(document);
  nameZone();
  countPicked();
  for (const box of all("[data-scroll=end]")) box.scrollTop = box.scrollHeight;
  for (const box of all("[data-scroll=newest]")) box.scrollLeft = box.scrollWidth;
  if (document.body.dataset.live) listen(document.body.dataset.live);
})();
