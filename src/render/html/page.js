"use strict";
// Shows the data of the page. Text from the data becomes text nodes and nothing else. Only the rows in sight are in the document.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const ROW = 30; // the height of a row in page.css
  const AROUND = 12; // rows that are kept ready above and below
  const PRINTED = 5000; // rows that go to a printer
  const COMPARED = 1500; // lines on each side beyond which two documents stand side by side uncompared
  const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  const counted = (n, one) => `${grouped(n)} ${one}${n === 1 ? "" : "s"}`;

  // Controls and characters that reorder or hide text are shown as escapes, as everywhere in assignctl.
  const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;
  const visible = (text) => String(text).replace(UNSAFE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
  const lines = (text) => text.split("\n").map(visible);

  /** An element with text or children. */
  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    for (const child of children) {
      if (child === null || child === undefined) continue;
      element.append(child instanceof Node ? child : visible(child));
    }
    return element;
  };

  // ---- what a row says ----
  const targetOf = (row) => data.targets[row.t];
  const setOf = (row) => targetOf(row).sets[row.s];
  const withName = (target, part, id) => {
    if (id === null) return "-";
    const name = Object.hasOwn(target.names[part], id) ? target.names[part][id] : null;
    return name && name !== id ? `${id} (${name})` : id;
  };
  const part = (row, index) => {
    const target = targetOf(row);
    const shown = withName(target, index, row.k[index]);
    return row.f && row.f[0] === index ? `${withName(target, index, row.f[1])} → ${shown}` : shown;
  };
  const keyText = (row) => row.k.map((_, index) => part(row, index)).join(" / ");
  const effectText = (row) => [...(row.l || []), ...(row.g || [])].join(", ");
  const changesText = (row) => (row.a === "update" && row.d ? `changes ${row.d.map(([name]) => name).join(", ")}` : "");
  const personOf = (row) => {
    const { holder } = targetOf(row);
    return holder === null || row.k[holder] === null ? "" : withName(targetOf(row), holder, row.k[holder]);
  };
  const CAUSES = {
    pull_request: "this pull request",
    both: "this pull request, on drifted live state",
    drift: "drift",
  };
  const causeText = (row) => CAUSES[row.c] || "";
  const setText = (row) => `${targetOf(row).name} / ${setOf(row).name}`;
  const textOf = (row) => {
    if (row.text === undefined) {
      const fields = (row.d || []).map(([name, , before, after]) => `${name} ${JSON.stringify(before)} ${JSON.stringify(after)}`);
      row.text = [row.a, row.w, causeText(row), keyText(row), setText(row), effectText(row), row.r, row.p, row.o && row.o.join(" "), ...fields].join("\n").toLowerCase();
    }
    return row.text;
  };

  // ---- summary ----
  const DRIFT = data.command === "drift";
  const ACTIONS = ["create", "update", "remove", "archive"];
  const KINDS = ["changed", "missing", "extra", "expired", "expiring_soon", "unmanaged", "ignored"];
  /** How a row is drawn: as something that goes, comes, or becomes another; null for what is no change and no drift. */
  const STACKED = DRIFT
    ? { extra: "remove", changed: "update", expired: "update", missing: "create" }
    : { remove: "remove", archive: "remove", update: "update", create: "create" };
  const STACKS = DRIFT
    ? { remove: "extra", update: "changed or expired", create: "missing" }
    : { remove: "remove", update: "update", create: "create" };
  const OUTCOMES = ["done", "already", "skipped", "blocked", "failed", "unknown"];
  const tally = (rows, of) => {
    const counts = new Map();
    for (const row of rows) {
      const key = of(row);
      if (key) counts.set(key, (counts.get(key) || 0) + 1);
    }
    return counts;
  };

  const countCards = () => {
    const card = make("div", "card", make("h2", "", data.command === "apply" ? "Outcomes" : "Counts"));
    const box = make("div", "counts");
    const add = (word, count, filter) => {
      const button = make(filter ? "button" : "span", `count ${word}`, make("b", "", grouped(count)), word);
      if (filter) {
        button.type = "button";
        button.addEventListener("click", () => setFilters(filter));
      }
      box.append(button);
    };
    if (data.totals) {
      for (const word of OUTCOMES) if (data.totals[word] || word === "done") add(word, data.totals[word], { outcome: word });
    } else if (DRIFT) {
      for (const word of KINDS) if (data.drift[word] || KINDS.indexOf(word) < 3) add(word, data.drift[word], { action: word });
      add("unchanged", data.drift.unchanged, null);
    } else {
      const actions = tally(data.rows, (row) => row.a);
      for (const word of ACTIONS) if (actions.get(word) || word !== "archive") add(word, actions.get(word) || 0, { action: word });
      for (const word of ["unchanged", "unmanaged", "observed"]) {
        if (data.counts[word] || word === "unchanged") add(word, data.counts[word], word === "unchanged" ? null : { action: word });
      }
    }
    card.append(box);
    return card;
  };

  const causeCard = () => {
    if (!data.base || !data.base.causes) return null;
    const counts = tally(data.rows, (row) => row.c);
    const box = make("div", "counts");
    for (const [cause, text] of Object.entries(CAUSES)) {
      const button = make("button", "count", make("b", "", grouped(counts.get(cause) || 0)), text);
      button.type = "button";
      button.addEventListener("click", () => setFilters({ cause }));
      box.append(button);
    }
    return make("div", "card", make("h2", "", `Compared with ${data.base.name}`), box);
  };

  const svg = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    if (text !== undefined) element.textContent = visible(text);
    return element;
  };

  /** Stacked bars: what happens, by `of`, the largest first. */
  const chart = (title, of, filter) => {
    const groups = new Map();
    for (const row of data.rows) {
      const action = Object.hasOwn(STACKED, row.a) ? STACKED[row.a] : null;
      const name = of(row);
      if (!action || !name) continue;
      const group = groups.get(name) || { create: 0, update: 0, remove: 0, all: 0, row };
      group[action] += 1;
      group.all += 1;
      groups.set(name, group);
    }
    const top = [...groups].sort((a, b) => b[1].remove - a[1].remove || b[1].all - a[1].all).slice(0, 6);
    if (top.length === 0) return null;
    const most = Math.max(...top.map(([, group]) => group.all));
    const image = svg("svg", { viewBox: `0 0 300 ${top.length * 30}`, role: "img" });
    image.append(svg("title", {}, `${title}: ${top.map(([name, g]) => `${name} ${g.create} ${STACKS.create}, ${g.update} ${STACKS.update}, ${g.remove} ${STACKS.remove}`).join("; ")}`));
    top.forEach(([name, group], index) => {
      const line = svg("g", { transform: `translate(0 ${index * 30})` });
      const short = name.length > 36 ? `${name.slice(0, 35)}…` : name;
      line.append(svg("text", { x: 0, y: 11 }, short), svg("text", { x: 300, y: 11, "text-anchor": "end" }, grouped(group.all)));
      let x = 0;
      for (const action of ["remove", "update", "create"]) {
        const width = (group[action] / most) * 300;
        line.append(svg("rect", { x, y: 15, width, height: 8, class: `fill-${action}` }));
        x += width;
      }
      line.addEventListener("click", () => setFilters(filter(group.row, name)));
      image.append(line);
    });
    const more = groups.size > top.length ? make("p", "dim", `and ${grouped(groups.size - top.length)} more`) : null;
    return make("div", "card", make("h2", "", title), image, more);
  };

  /** The history: how many assignments differed, run after run; each bar is a run, the last one is this. */
  const trend = () => {
    const runs = data.trend || [];
    if (runs.length < 2) return null;
    const most = Math.max(1, ...runs.map((run) => run.n));
    const [width, height] = [300, 70];
    const step = width / runs.length;
    const image = svg("svg", { viewBox: `0 0 ${width} ${height + 32}`, role: "img" });
    const [first, last] = [runs[0], runs[runs.length - 1]];
    image.append(svg("title", {}, `Drift over ${counted(runs.length, "run")}: ${first.n} at ${first.t}, ${last.n} at ${last.t}, at most ${most}`));
    image.append(svg("text", { x: 0, y: 11 }, `at most ${grouped(most)}`), svg("text", { x: width, y: 11, "text-anchor": "end" }, `now ${grouped(last.n)}`));
    const base = height + 16;
    runs.forEach((run, index) => {
      const bar = svg("g", { class: "run" });
      bar.append(svg("title", {}, `${run.t}: ${counted(run.n, "assignment")} (${run.k[0]} changed, ${run.k[1]} missing, ${run.k[2]} extra)`));
      const tall = (run.n / most) * height;
      bar.append(svg("rect", { x: index * step, y: base - tall, width: Math.max(step * 0.8, 0.5), height: tall, class: "fill-update" }));
      image.append(bar);
    });
    image.append(svg("line", { x1: 0, y1: base, x2: width, y2: base, class: "axis" }));
    image.append(svg("text", { x: 0, y: base + 13 }, first.t.slice(0, 10)), svg("text", { x: width, y: base + 13, "text-anchor": "end" }, last.t.slice(0, 10)));
    const card = make("div", "card", make("h2", "", `Drift, ${counted(runs.length, "run")}`), image);
    card.id = "trend";
    return card;
  };

  const problem = (kind, ...content) => make("div", `problem ${kind}`, ...content);
  /** What the pull request changes about authority, above everything else. */
  const authority = (base) => {
    if (!base || !base.counts) return;
    const box = problem("warning", make("h2", "", "Authority"), make("p", "", make("b", "", base.counts)));
    const list = (title, items) => (items.length ? make("details", "", make("summary", "", `${title} (${grouped(items.length)})`), ...items.map((item) => make("p", "mono", item))) : null);
    for (const change of base.authority) {
      const at = change.at ? make("code", "", change.at) : null;
      box.append(make("p", "", make("b", "", change.effect), ` ${change.subject}: ${change.text} `, at), ...[list("only here", change.added), list("only in the base", change.removed)].filter(Boolean));
    }
    for (const left of base.leaving) {
      const rows = make("details", "", make("summary", "", counted(left.rows.length, "assignment")), ...left.rows.map((row) => make("p", "mono", row)));
      rows.open = left.rows.length <= 20;
      box.append(make("p", "", make("b", "", left.what), ": ", make("code", "", left.of)), rows);
    }
    byId("authority").append(box);
  };
  const problems = () => {
    const box = byId("problems");
    for (const found of data.findings) {
      const at = found.at ? make("p", "", make("code", "", found.at)) : null;
      const help = found.help.map((line) => make("p", "dim", `help: ${line}`));
      box.append(problem(found.error ? "" : "warning", make("p", "", make("b", "", found.error ? "error " : "warning "), found.message, " ", make("code", "", `[${found.code}]`)), at, ...help));
    }
    for (const text of data.base ? data.base.problems : []) box.append(problem("", make("p", "", text)));
    for (const target of data.targets) {
      const name = () => make("b", "", target.name);
      if (target.unreadable !== null) {
        const when = target.temporary ? " could not be read (temporary: try again later): " : " could not be read: ";
        box.append(problem("", make("p", "", name(), when, target.unreadable)));
      }
      for (const refusal of target.refusals) {
        const keys = refusal.keys.map((key) => key.map((id, index) => withName(target, index, id)).join(" / "));
        const list = keys.length ? make("details", "", make("summary", "", `concerns ${counted(keys.length, "assignment")}${keys.length === 50 ? " or more" : ""}`), ...keys.map((key) => make("p", "mono", key))) : null;
        const set = refusal.set === null ? "" : `, set ${refusal.set}`;
        box.append(problem("", make("p", "", name(), `${set}: ${DRIFT ? "an apply would be refused." : "refused, nothing of this target will be applied."} ${refusal.message} [${refusal.code}]`), make("p", "", "To allow it: ", make("code", "", refusal.allow), refusal.at ? ` (${refusal.at})` : ""), list));
      }
      for (const gap of target.gaps) box.append(problem("warning", make("p", "", name(), `: the listing is not proven complete, nothing is removed there: ${gap}`)));
      if (target.held.length) {
        const list = target.held.map((line) => make("p", "mono", line));
        box.append(problem("warning", make("p", "", name(), `: the approved plan holds ${counted(target.held.length, "change")} back.`), make("details", "", make("summary", "", "which"), ...list)));
      }
      for (const set of target.sets.filter((set) => set.selected)) {
        if (set.names) {
          const list = set.names.map(([text, id]) => make("p", "mono", `${text} is ${id}`));
          box.append(problem("good", make("details", "", make("summary", "", `${target.name} / ${set.name}: ${counted(set.names.length, "name")}, each with its id`), ...list)));
        }
        for (const [message, at] of set.warnings) box.append(problem("warning", make("p", "", make("b", "", "warning "), message, " ", make("code", "", at))));
      }
      if (target.verification) {
        const good = target.verification.startsWith("Verified: live state");
        box.append(problem(good ? "good" : "warning", make("p", "", name(), `: ${target.verification}`)));
      }
    }
  };

  const about = () => {
    const parts = [`assignctl ${data.version}`];
    if (data.planned_at) parts.push(`${DRIFT ? "checked" : "planned"} ${data.planned_at}`);
    if (data.requests) parts.push(`${counted(data.requests, "request")} to apply`);
    if (data.policy) parts.push(data.policy.replace(/\.$/, ""));
    parts.push(`exit ${data.exit}`);
    byId("about").textContent = visible(parts.join(" · "));
  };

  // ---- filters; they are kept in the address, so that a link shows what its sender saw ----
  const FILTERS = ["q", "person", "target", "set", "action", "effect", "cause", "outcome"];
  let shown = [];
  let selected = -1;

  const options = (id, values, any) => {
    const select = byId(id);
    select.replaceChildren(new Option(any, ""), ...values.map((value) => new Option(visible(value), value)));
  };
  const unique = (of) => [...new Set(data.rows.map(of).filter(Boolean))];

  const setFilters = (values) => {
    for (const id of FILTERS) byId(id).value = values[id] || "";
    filter();
  };

  const matches = () => {
    const value = Object.fromEntries(FILTERS.map((id) => [id, byId(id).value]));
    const words = value.q.toLowerCase().split(/\s+/).filter(Boolean);
    const person = value.person.toLowerCase();
    return (row) =>
      (!value.action || row.a === value.action) &&
      (!value.target || targetOf(row).name === value.target) &&
      (!value.set || setOf(row).name === value.set) &&
      (!value.effect || (value.effect === "loss" ? row.l : row.g)) &&
      (!value.cause || row.c === value.cause) &&
      (!value.outcome || (row.o && row.o[0] === value.outcome)) &&
      (!person || personOf(row).toLowerCase().includes(person)) &&
      words.every((word) => textOf(row).includes(word));
  };

  const filter = () => {
    shown = data.rows.filter(matches());
    selected = -1;
    showDetail();
    byId("rows").scrollTop = 0;
    byId("space").style.height = `${shown.length * ROW}px`;
    const takes = shown.filter((row) => row.l).length;
    byId("status").textContent = `${grouped(shown.length)} of ${counted(data.rows.length, "row")}${takes ? `, ${grouped(takes)} take something away` : ""}`;
    const active = FILTERS.filter((id) => byId(id).value).map((id) => `${id}=${encodeURIComponent(byId(id).value)}`);
    try {
      history.replaceState(null, "", `#${active.join("&")}`);
    } catch {
      // Where the page may not have an address of its own, it works without.
    }
    draw();
  };

  const fromAddress = () => {
    const values = {};
    for (const pair of location.hash.slice(1).split("&")) {
      const [id, value = ""] = pair.split("=");
      try {
        if (FILTERS.includes(id)) values[id] = decodeURIComponent(value);
      } catch {
        // Half an escape is no filter.
      }
    }
    setFilters(values);
  };

  // ---- the list ----
  const draw = () => {
    const box = byId("rows");
    const first = Math.max(0, Math.floor(box.scrollTop / ROW) - AROUND);
    const last = Math.min(shown.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + AROUND);
    const view = byId("window");
    view.style.top = `${first * ROW}px`;
    view.replaceChildren(...shown.slice(first, last).map((row, offset) => line(row, first + offset)));
    if (selected >= first && selected < last) box.setAttribute("aria-activedescendant", `row-${selected}`);
    else box.removeAttribute("aria-activedescendant");
  };

  const line = (row, index) => {
    const said = row.o && row.o[0] !== "done" ? row.o.filter(Boolean).join(": ") : effectText(row) || changesText(row) || (DRIFT || row.a === "unmanaged" ? row.r : "");
    const bad = row.l || row.a === "extra" || (row.o && ["failed", "blocked", "unknown"].includes(row.o[0]));
    const element = make(
      "div", "row",
      make("span", `act ${row.a}`, row.a),
      make("span", "key", keyText(row)),
      make("span", bad ? "loss" : "dim", said),
      make("span", "dim", row.c === "drift" ? `drift · ${setText(row)}` : setText(row)),
    );
    element.id = `row-${index}`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(index === selected));
    element.setAttribute("aria-posinset", String(index + 1));
    element.setAttribute("aria-setsize", String(shown.length));
    element.addEventListener("click", () => select(index));
    return element;
  };

  const select = (index) => {
    if (shown.length === 0) return;
    selected = Math.min(Math.max(index, 0), shown.length - 1);
    const box = byId("rows");
    if (selected * ROW < box.scrollTop) box.scrollTop = selected * ROW;
    const bottom = (selected + 1) * ROW;
    if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
    showDetail();
    draw();
  };

  // ---- one change ----
  const entry = (list, name, ...content) => list.append(make("dt", "", name), make("dd", "", ...content));

  const showDetail = () => {
    const detail = byId("detail");
    const row = shown[selected];
    detail.hidden = row === undefined;
    byId("panes").classList.toggle("open", row !== undefined);
    if (row === undefined) return detail.replaceChildren();
    const target = targetOf(row);
    const set = setOf(row);
    const list = make("dl");
    target.keys.forEach((name, index) => entry(list, name, make("code", "", part(row, index))));
    if (effectText(row)) entry(list, "effect", make("span", row.l ? "loss" : "", effectText(row)));
    if (row.o) entry(list, "outcome", row.o.filter(Boolean).join(": "));
    if (row.c) entry(list, "whose", causeText(row));
    entry(list, "why", row.r);
    if (row.p) entry(list, "declared", make("code", "", row.p));
    entry(list, "set", `${set.name} (${[set.mode, set.scope].filter(Boolean).join(", ")})`);
    entry(list, "target", `${target.name} (${[target.provider, target.endpoint, ...target.account].filter(Boolean).join(", ")})`);
    if (row.m) entry(list, "request", make("code", "", row.m));
    const title = row.w ? `would ${row.w}, observed only` : row.a;
    detail.replaceChildren(make("h2", `act ${row.a}`, title), list, ...(row.d || []).map(fieldDiff));
    detail.scrollTop = 0;
  };

  const pretty = (json, value) => {
    if (value === null) return [];
    return lines(json ? JSON.stringify(value, null, 2) : String(value));
  };

  const fieldDiff = ([name, json, before, after]) => {
    const table = make("table", "diff");
    const [left, right] = DRIFT ? ["live", "declared"] : ["before", "after"];
    const head = make("tr", "", make("th", "", `${name}, ${left}`), make("th", "", after === null && before !== null ? `${right} (nothing)` : right));
    table.append(head);
    for (const [old, now, same] of sideBySide(pretty(json, before), pretty(json, after))) {
      table.append(make("tr", "", make("td", old === null || same ? "" : "old", old), make("td", now === null || same ? "" : "new", now)));
    }
    return table;
  };

  /** Lines of two texts beside each other: [before, after, equal]. */
  const sideBySide = (a, b) => {
    if (a.length > COMPARED || b.length > COMPARED) return pair(a, b);
    const width = b.length + 1;
    const common = new Uint16Array((a.length + 1) * width);
    for (let i = a.length - 1; i >= 0; i -= 1) {
      for (let j = b.length - 1; j >= 0; j -= 1) {
        common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
      }
    }
    const out = [];
    let gone = [];
    let come = [];
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      if (i < a.length && j < b.length && a[i] === b[j]) {
        out.push(...pair(gone, come), [a[i], b[j], true]);
        [gone, come] = [[], []];
        i += 1;
        j += 1;
      } else if (j === b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) {
        gone.push(a[i]);
        i += 1;
      } else {
        come.push(b[j]);
        j += 1;
      }
    }
    return [...out, ...pair(gone, come)];
  };
  const pair = (a, b) => Array.from({ length: Math.max(a.length, b.length) }, (_, i) => [a[i] ?? null, b[i] ?? null, false]);

  // ---- keyboard and printer ----
  const page = () => Math.max(1, Math.floor(byId("rows").clientHeight / ROW) - 1);
  const MOVES = {
    ArrowDown: () => selected + 1, j: () => selected + 1,
    ArrowUp: () => selected - 1, k: () => selected - 1,
    PageDown: () => selected + page(), PageUp: () => selected - page(),
    Home: () => 0, End: () => shown.length - 1, Enter: () => selected,
  };
  const onKey = (event) => {
    const typing = ["INPUT", "SELECT", "BUTTON", "SUMMARY"].includes(event.target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      selected = -1;
      showDetail();
      draw();
      byId("rows").focus();
    } else if (typing) {
      return;
    } else if (event.key === "/") {
      byId("q").focus();
    } else if (event.key === "c") {
      setFilters({});
    } else if (MOVES[event.key]) {
      select(MOVES[event.key]());
      byId("rows").focus();
    } else {
      return;
    }
    event.preventDefault();
  };

  const printable = () => {
    const table = make("table", "", make("tr", "", ...["Action", "Assignment", "Effect", "Target / set", "Declared", "Fields"].map((head) => make("th", "", head))));
    const short = (value) => (value === null ? "(none)" : typeof value === "string" ? value : JSON.stringify(value));
    for (const row of shown.slice(0, PRINTED)) {
      const fields = (row.d || []).map(([name, , before, after]) => `${name}: ${short(before)} → ${short(after)}`).join("; ");
      const outcome = row.o ? ` (${row.o.filter(Boolean).join(": ")})` : "";
      table.append(make("tr", "", ...[row.a + outcome + (row.c ? ` (${causeText(row)})` : ""), keyText(row), effectText(row), setText(row), row.p || "", fields].map((cell) => make("td", "", cell))));
    }
    const rest = shown.length - PRINTED;
    byId("print").replaceChildren(table, rest > 0 ? make("p", "", `and ${counted(rest, "more row")} that were not printed; filter first`) : "");
  };

  // ---- start ----
  about();
  authority(data.base);
  problems();
  if (data.command !== "validate") {
    byId("summary").append(...[
      countCards(),
      trend(),
      causeCard(),
      data.targets.length > 1 ? chart("By target", (row) => targetOf(row).name, (row, name) => ({ target: name })) : null,
      chart("By set", (row) => setText(row), (row) => ({ target: targetOf(row).name, set: setOf(row).name })),
      chart("Most concerned people", personOf, (row, name) => ({ person: name })),
    ].filter(Boolean));
  }
  if (data.rows.length > 0) {
    options("target", data.targets.map((target) => target.name), "all");
    options("set", unique((row) => setOf(row).name).sort(), "all");
    options("action", [...(DRIFT ? KINDS : [...ACTIONS, "observed", "unmanaged"])].filter((action) => data.rows.some((row) => row.a === action)), "all");
    options("outcome", OUTCOMES.filter((word) => data.totals && data.totals[word]), "all");
    byId("causes").hidden = !data.base || !data.base.causes;
    byId("cause").replaceChildren(new Option("anyone's", ""), ...Object.entries(CAUSES).filter(([cause]) => data.rows.some((row) => row.c === cause)).map(([cause, text]) => new Option(text, cause)));
    byId("outcomes").hidden = !data.totals;
    byId("effects").hidden = DRIFT;
    byId("people").replaceChildren(...unique(personOf).sort().slice(0, 500).map((name) => new Option("", visible(name))));
    byId("list").hidden = false;
    let waiting = 0;
    byId("filters").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, data.rows.length > 5000 ? 150 : 0);
    });
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    byId("filters").addEventListener("reset", (event) => {
      event.preventDefault();
      setFilters({});
    });
    byId("rows").addEventListener("scroll", () => requestAnimationFrame(draw));
    addEventListener("resize", draw);
    addEventListener("hashchange", fromAddress);
    addEventListener("beforeprint", printable);
    addEventListener("afterprint", () => byId("print").replaceChildren());
    document.addEventListener("keydown", onKey);
    fromAddress();
  }
})();
