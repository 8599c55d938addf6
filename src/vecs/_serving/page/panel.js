// The list of what is found or selected, and the whole of one record.

import { $, element, highlighted } from "./dom.js";

const MOST_LISTED = 200;

export class Panel {
  // `told` has open(item), and closed().
  constructor(told) {
    this.told = told;
    this.items = [];
    this.at = -1;
    $("close").addEventListener("click", () => told.closed());
  }

  // Items have an id and perhaps a number, a score and pieces of text.
  list(title, items, actions = []) {
    this.items = items.slice(0, MOST_LISTED);
    this.at = -1;
    $("title").textContent = title;
    $("actions").replaceChildren(...actions.map(([text, run]) => {
      const button = element("button", { type: "button", text });
      button.addEventListener("click", run);
      return button;
    }));
    $("detail").replaceChildren();
    $("list").replaceChildren(...this.items.map((item, at) => element("li", {}, this.entry(item, at))));
    if (items.length > MOST_LISTED) {
      $("list").append(element("li", { className: "note", text: `The first ${MOST_LISTED} are listed.` }));
    }
    $("panel").hidden = false;
    $("panel").scrollTop = 0;
  }

  entry(item, at) {
    const head = element("span", { className: "id" }, element("span", { text: item.id }));
    if (item.score !== undefined && item.score !== null) {
      head.append(element("span", { className: "score", text: item.score.toFixed(3), title: "Score, from 0 to 1" }));
    }
    const button = element("button", { type: "button" }, head);
    if (item.pieces) button.append(element("span", { className: "text" }, ...highlighted(item.pieces)));
    button.addEventListener("click", () => this.go(at));
    return button;
  }

  get current() {
    return this.items[this.at] ?? null;
  }

  go(at) {
    if (!this.items.length) return;
    this.at = Math.min(Math.max(at, 0), this.items.length - 1);
    const buttons = $("list").querySelectorAll("button");
    buttons.forEach((button, each) => button.setAttribute("aria-current", String(each === this.at)));
    buttons[this.at].scrollIntoView({ block: "nearest" });
    this.told.open(this.items[this.at]);
  }

  // The record stands above the list, which stays.
  record(record, actions) {
    const parts = [element("div", { className: "head" }, element("h2", { text: record.id }))];
    const buttons = element("div", { id: "record-actions" });
    for (const [text, run] of actions) {
      const button = element("button", { type: "button", text });
      button.addEventListener("click", run);
      buttons.append(button, " ");
    }
    parts.push(buttons);
    if (record.text) parts.push(element("div", { className: "body", text: record.text }));
    const rows = [];
    if (record.document_id !== null && record.document_id !== record.id) rows.push(["document", record.document_id]);
    for (const part of [record.metadata, record.columns, record.extra && { extra: record.extra }]) {
      rows.push(...Object.entries(part ?? {}));
    }
    parts.push(element("table", {}, ...rows.map(([name, value]) => element(
      "tr", {}, element("th", { text: name }), element("td", { text: written(value) }),
    ))));
    $("detail").replaceChildren(...parts);
    $("panel").hidden = false;
    $("panel").scrollTop = 0;
  }

  hide() {
    this.items = [];
    this.at = -1;
    $("panel").hidden = true;
  }
}

const written = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));
