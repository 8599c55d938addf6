// The map of a collection: what happens when something is typed, clicked or drawn around.

import { blob, bytes, json } from "./api.js";
import { $, count, download, element, say } from "./dom.js";
import { Legend } from "./legend.js";
import { Panel } from "./panel.js";
import { View } from "./view.js";

const MODES = { vector: "by meaning", keyword: "by words", hybrid: "by both" };
const LABELS_KEPT = 3000;

let info = null;
let version = 0;
let view = null;
let classes = null;
let colours = ["#4c8fd6"];
// Numbers of the points that a filter, and a selection that is shown alone, leave; null for all.
let matching = null;
let alone = null;
let selected = [];
let hovered = null;
let searching = null;
const labels = new Map();

const legend = new Legend(showSeen);
const panel = new Panel({ open: openItem, closed: clear });

// Runs what may be refused, and says so.
async function trying(work) {
  try {
    return await work();
  } catch (error) {
    if (error.name !== "AbortError") say(error.message);
    return undefined;
  }
}

// --- how far it is ---------------------------------------------------------------------------------------------

async function follow() {
  let phase = "reading";
  while (phase === "reading" || phase === "arranging") {
    const state = await json("state");
    phase = state.phase;
    progress(state);
    if (state.version > version) await load(phase !== "reading" && version > 0);
    if (phase === "reading" || phase === "arranging") await new Promise((done) => setTimeout(done, 400));
  }
  document.body.dataset.phase = phase;
}

function progress({ phase, share, error }) {
  $("progress").hidden = phase === "done" || phase === "failed";
  $("doing").textContent = phase === "reading" ? "Reading the records" : "Arranging by t-SNE";
  if (share > 0) $("bar").value = share;
  else $("bar").removeAttribute("value");
  if (phase !== "failed") return;
  if (version === 0) message(error);
  else say(error);
}

function message(text) {
  $("message").textContent = text;
  $("message").hidden = !text;
}

async function load(moves) {
  if (info === null) {
    info = await json("info");
    prepare();
  }
  const read = await bytes("points");
  version = new DataView(read).getUint32(0, true);
  if (!info.shown) return;
  view ??= new View({ over, clicked, selected: lassoed });
  if (classes === null) await recolour(info.color ?? "", false);
  await view.draw(new Float32Array(read.slice(4)), classes, colours, moves);
  showSeen();
  view.select(selected);
  document.body.dataset.drawn = String(version);
}

function prepare() {
  document.title = `${info.name} – vecs`;
  $("name").textContent = info.name;
  $("name").title = info.name;
  for (const mode of info.modes) $("mode").append(element("option", { value: mode, text: MODES[mode] }));
  $("mode").hidden = info.modes.length < 2;
  if (info.modes.includes("hybrid")) $("mode").value = "hybrid";
  $("search").hidden = !info.modes.length;
  for (const { key, kind } of info.fields) {
    $("field").append(element("option", { value: key, text: kind === "category" ? key : `${key} (${kind})` }));
  }
  if (info.color && info.fields.some(({ key }) => key === info.color)) $("field").value = info.color;
  else if (info.color) {
    say(`There is no key ${info.color} to colour by.`);
    info.color = null;
  }
  $("field").parentElement.hidden = !info.fields.length;
  $("filtering").hidden = !info.shown;
  counts();
  if (!info.total) message(info.filters ? "No record matches the filter of this map." : "The collection is empty.");
  else if (!info.shown) message("No record has a vector.");
}

function counts(seen = info.shown) {
  const parts = [];
  if (seen < info.shown) parts.push(`${seen.toLocaleString("en")} of ${count(info.shown, "record")}`);
  else if (info.sampled) parts.push(`${info.shown.toLocaleString("en")} of ${count(info.total, "record")}, a sample`);
  else parts.push(count(info.shown, "record"));
  if (info.without_vector) parts.push(`${info.without_vector.toLocaleString("en")} without vector`);
  $("counts").textContent = parts.join(" · ");
}

// --- colours and what is seen ----------------------------------------------------------------------------------

async function recolour(field, draws = true) {
  const asked = { field };
  const [told, codes] = await Promise.all([json("legend", asked), bytes("classes", asked)]);
  const numbers = told.kind === "number" || told.kind === "date" ? new Float64Array(await bytes("numbers", asked)) : null;
  classes = new Uint8Array(codes);
  colours = told.colours;
  legend.show(field, told, classes, numbers);
  if (draws) {
    await view.colour(classes, colours);
    showSeen();
    view.select(selected);
  }
}

function showSeen() {
  if (!view) return;
  if (legend.isOpen && matching === null && alone === null) {
    view.show(null);
    counts();
    return;
  }
  const among = alone ?? matching ?? Uint32Array.from({ length: info.shown }, (_, at) => at);
  const also = alone !== null && matching !== null ? new Set(matching) : null;
  const seen = [...among].filter((number) => (also === null || also.has(number)) && legend.sees(number));
  view.show(seen);
  counts(seen.length);
}

async function filterBy(text) {
  if (!text.trim()) matching = null;
  else matching = new Uint32Array(await bytes("matching", { filters: parsed(text) }));
  showSeen();
}

function parsed(text) {
  if (!text.trim()) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('A filter is JSON, such as {"year": {"$gte": 1990}}.');
  }
}

// --- search, records, selections -------------------------------------------------------------------------------

async function search() {
  const query = $("query").value.trim();
  if (!query) {
    clear();
    return;
  }
  searching?.abort();
  searching = new AbortController();
  const asked = { query, mode: $("mode").value, filters: parsed($("filter").value) };
  document.body.dataset.busy = "search";
  try {
    const { matches } = await json("search", asked, searching.signal);
    listed(`${count(matches.length, "match").replace("matchs", "matches")} for “${query}”`, matches);
  } finally {
    delete document.body.dataset.busy;
  }
}

function listed(title, matches) {
  const missing = matches.filter(({ number }) => number === null).length;
  if (missing) title += `; ${missing} not on the map`;
  panel.list(title, matches, actionsOf(matches));
  mark(matches.map(({ number }) => number).filter((number) => number !== null));
}

// What can be done with the points that are selected.
function actionsOf(items) {
  if (!items.length) return [];
  return [
    ["Copy ids", () => trying(() => copyIds())],
    ["Only these", () => only(selected)],
    ["Export JSON", () => trying(() => exportAll())],
  ];
}

function mark(numbers) {
  selected = numbers;
  view?.select(numbers);
  return trying(() => json("select", { numbers }));
}

function only(numbers) {
  alone = alone === null ? numbers : null;
  showSeen();
  const button = [...$("actions").children].find(({ textContent }) => /^(Only these|Show all)$/.test(textContent));
  if (button) button.textContent = alone === null ? "Only these" : "Show all";
}

async function copyIds() {
  const { ids } = await json("select", { numbers: selected });
  const text = ids.join("\n");
  try {
    await navigator.clipboard.writeText(text);
    say(`${count(ids.length, "id")} copied.`);
  } catch {
    download("ids.txt", new Blob([text], { type: "text/plain" }));
  }
}

async function exportAll() {
  download(`${info.name}.jsonl`, await blob("export", { numbers: selected }));
}

async function lassoed(numbers) {
  lasso(false);
  if (!numbers.length) return;
  const { ids } = await json("select", { numbers });
  selected = numbers;
  panel.list(`${count(numbers.length, "record")} selected`, numbers.map((number, at) => ({ id: ids[at], number })), actionsOf(numbers));
}

function openItem(item) {
  return trying(() => open(item.number === null || item.number === undefined ? { id: item.id } : { number: item.number }));
}

async function open(which) {
  const record = await json("record", which);
  const actions = [["Nearest neighbours", () => trying(() => neighbours(record.id))]];
  if (record.number !== null) actions.push(["Show on the map", () => view.near(record.number)]);
  panel.record(record, actions);
  if (record.number !== null && panel.items.length) view?.select([...selected, record.number]);
}

async function clicked(number) {
  await trying(async () => {
    const record = await json("record", { number });
    panel.list("Nearest neighbours", []);
    await neighbours(record.id, record);
  });
}

async function neighbours(id, record = null) {
  const { matches } = await json("neighbours", { id, limit: 20, filters: parsed($("filter").value) });
  panel.list("Nearest neighbours", matches, actionsOf(matches));
  record ??= await json("record", { id });
  panel.record(record, record.number === null ? [] : [["Show on the map", () => view.near(record.number)]]);
  const numbers = matches.map(({ number }) => number).filter((number) => number !== null);
  await mark(record.number === null ? numbers : [record.number, ...numbers]);
}

// --- the mouse over a point ------------------------------------------------------------------------------------

async function over(number) {
  hovered = number;
  $("hover").hidden = true;
  if (number === null) return;
  if (!labels.has(number)) {
    await new Promise((done) => setTimeout(done, 60));
    if (hovered !== number) return;
    const record = await json("record", { number }).catch(() => null);
    if (record === null) return;
    if (labels.size > LABELS_KEPT) labels.clear();
    labels.set(number, record);
  }
  if (hovered !== number) return;
  const record = labels.get(number);
  const field = $("field").value;
  const value = field && valueAt(record.metadata, field);
  $("hover").replaceChildren(
    element("b", { text: record.id }),
    element("span", { text: record.label }),
    ...(value === undefined || value === "" ? [] : [element("div", { text: `${field}: ${typeof value === "string" ? value : JSON.stringify(value)}` })]),
  );
  place(number);
}

function valueAt(metadata, path) {
  return path.split(".").reduce((value, key) => value?.[key], metadata);
}

function place(number) {
  const box = $("hover");
  const [x, y] = view.placeOf(number) ?? [0, 0];
  box.hidden = false;
  const { clientWidth: width, clientHeight: height } = $("stage");
  box.style.left = `${Math.max(4, Math.min(x + 14, width - box.offsetWidth - 6))}px`;
  box.style.top = `${y + 16 + box.offsetHeight > height ? Math.max(4, y - box.offsetHeight - 12) : y + 14}px`;
}

// --- buttons and keys ------------------------------------------------------------------------------------------

function lasso(on) {
  $("lasso").setAttribute("aria-pressed", String(on));
  view?.lasso(on);
}

function clear() {
  searching?.abort();
  panel.hide();
  lasso(false);
  alone = null;
  matching = null;
  $("query").value = "";
  $("filter").value = "";
  if (view) {
    legend.hidden.clear();
    $("legend").querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", "true"));
    legend.between = null;
    mark([]);
    showSeen();
  }
}

const KEYS = {
  "/": () => ($("search").hidden ? $("filter") : $("query")).focus(),
  f: () => $("filter").focus(),
  l: () => lasso($("lasso").getAttribute("aria-pressed") !== "true"),
  0: () => view?.whole(),
  "+": () => view?.zoom(0.7),
  "=": () => view?.zoom(0.7),
  "-": () => view?.zoom(1.4),
  "?": () => $("help").showModal(),
  n: () => panel.current && trying(() => neighbours(panel.current.id)),
  ArrowDown: () => panel.go(panel.at + 1),
  ArrowUp: () => panel.go(panel.at - 1),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  if (event.key === "Escape") {
    document.activeElement?.blur();
    clear();
    return;
  }
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
  const isArrow = event.key.startsWith("Arrow") && document.activeElement === $("query") && panel.items.length;
  const run = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!run || (typing && !isArrow)) return;
  event.preventDefault();
  run();
});

$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(search);
});
$("mode").addEventListener("change", () => $("query").value.trim() && trying(search));
$("filtering").addEventListener("submit", (event) => {
  event.preventDefault();
  trying(async () => {
    await filterBy($("filter").value);
    if ($("query").value.trim()) await search();
  });
});
$("field").addEventListener("change", () => trying(() => recolour($("field").value)));
$("lasso").addEventListener("click", KEYS.l);
$("whole").addEventListener("click", KEYS[0]);
$("clear").addEventListener("click", clear);
$("keys").addEventListener("click", KEYS["?"]);

follow().catch((error) => {
  $("progress").hidden = true;
  if (version === 0) message(error.message);
  else say(error.message);
  document.body.dataset.phase = "failed";
});
