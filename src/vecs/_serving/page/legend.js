// What the colours mean, and which of them are seen.

import { $, count, element } from "./dom.js";

export class Legend {
  // `changed` is called when other colours, or other numbers, are to be seen.
  constructor(changed) {
    this.changed = changed;
    this.clear();
  }

  clear() {
    this.hidden = new Set();
    this.between = null;
    $("legend").hidden = true;
    $("legend").replaceChildren();
  }

  show(name, legend, classes, numbers) {
    this.clear();
    this.classes = classes;
    this.numbers = numbers;
    if (legend.kind === "none") return;
    const box = $("legend");
    box.append(element("h3", { text: name }));
    if (legend.kind === "category") box.append(...legend.entries.map((entry, at) => this.entry(entry, at)));
    else box.append(...this.scale(legend));
    box.hidden = false;
  }

  entry({ label, colour, count: many }, at) {
    const dot = element("span", { className: "dot" });
    dot.style.background = colour;
    const button = element(
      "button",
      { type: "button", ariaPressed: "true", title: `${label}\nHide or show; with Shift show it alone` },
      dot,
      element("span", { className: "label", text: label }),
      element("span", { className: "count", text: many.toLocaleString("en") }),
    );
    button.addEventListener("click", (event) => this.toggle(at, event.shiftKey));
    return button;
  }

  toggle(at, alone) {
    const buttons = [...$("legend").querySelectorAll("button")];
    if (alone) {
      const already = this.hidden.size === buttons.length - 1 && !this.hidden.has(at);
      this.hidden = new Set(already ? [] : buttons.keys());
      this.hidden.delete(at);
    } else if (!this.hidden.delete(at)) this.hidden.add(at);
    buttons.forEach((button, each) => button.setAttribute("aria-pressed", String(!this.hidden.has(each))));
    this.changed();
  }

  scale({ colours, ticks, range, missing, kind }) {
    const strip = element("canvas", { width: colours.length - 1, height: 1 });
    const pen = strip.getContext("2d");
    colours.slice(0, -1).forEach((colour, at) => {
      pen.fillStyle = colour;
      pen.fillRect(at, 0, 1, 1);
    });
    const marks = element("div", { className: "ticks" });
    // Dates are long: only the ends and the middle have room.
    const shown = kind === "date" ? ticks.filter((_, at) => ticks.length < 3 || at === 0 || at === ticks.length - 1) : ticks;
    marks.append(...shown.map(([at, text]) => {
      const mark = element("span", { text });
      mark.style.left = `${at * 100}%`;
      return mark;
    }));
    const parts = [strip, marks, this.bounds(range, kind)];
    if (missing) parts.push(element("div", { className: "count", text: `${count(missing, "record")} without` }));
    return parts;
  }

  bounds([low, high], kind) {
    const isDate = kind === "date";
    const field = (label, value) => {
      const shown = isDate ? new Date(value * 1000).toISOString().slice(0, 10) : String(value);
      const input = element("input", { type: isDate ? "date" : "number", ariaLabel: label, value: shown });
      if (!isDate) input.step = "any";
      input.addEventListener("change", () => this.bound(from, to, isDate));
      return input;
    };
    const from = field("From", low);
    const to = field("To", high);
    return element("div", { className: "range" }, from, element("span", { text: "–" }), to);
  }

  bound(from, to, isDate) {
    const read = (input, otherwise, more) => {
      if (input.value === "") return otherwise;
      return isDate ? Date.parse(input.value) / 1000 + more : Number(input.value);
    };
    // The last day counts whole.
    this.between = [read(from, -Infinity, 0), read(to, Infinity, 86399.999)];
    this.changed();
  }

  get isOpen() {
    return !this.hidden.size && this.between === null;
  }

  // Whether the colour, or the number, of a point is to be seen.
  sees(number) {
    if (this.hidden.size && this.hidden.has(this.classes[number])) return false;
    if (this.between === null) return true;
    const value = this.numbers[number];
    return value >= this.between[0] && value <= this.between[1];
  }
}
