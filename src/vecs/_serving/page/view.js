// The points: drawn by regl-scatterplot, which is told where they are, in which colours, and which are seen.

import createScatterplot from "./scatterplot.js";
import { $ } from "./dom.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
const sizeOf = (count) => (count < 50 ? 14 : count < 1000 ? 8 : count < 6000 ? 5 : count < 30000 ? 3.5 : count < 60000 ? 2.5 : 2);
const opacityOf = (count) => (count < 6000 ? 0.9 : count < 30000 ? 0.75 : 0.6);

export class View {
  constructor(told) {
    this.told = told;
    this.count = 0;
    this.colours = ["#4c8fd6"];
    const canvas = $("canvas");
    this.plot = createScatterplot({
      canvas,
      width: "auto",
      height: "auto",
      spatialIndexUseWorker: false,
      deselectOnEscape: false,
      deselectOnDblClick: false,
      lassoOnLongPress: false,
      lassoInitiator: false,
      actionKeyMap: { lasso: "shift" },
      cameraDistance: 1.12,
      opacityInactiveMax: 0.5,
      opacityInactiveScale: 0.6,
      pointScaleMode: "asinh",
      ...this.theme(),
    });
    this.plot.subscribe("pointOver", (number) => told.over(number));
    this.plot.subscribe("pointOut", () => told.over(null));
    // The selection is told between the two.
    this.plot.subscribe("lassoStart", () => (this.lassoing = true));
    this.plot.subscribe("lassoEnd", () => (this.lassoing = false));
    this.plot.subscribe("select", ({ points }) => {
      if (this.lassoing) told.selected([...points]);
      else if (points.length === 1) told.clicked(points[0]);
    });
    this.plot.subscribe("view", () => told.over(null));
    dark.addEventListener("change", () => this.plot.set(this.theme()));
    new ResizeObserver(() => this.plot.set({ width: "auto", height: "auto" })).observe($("stage"));
  }

  theme() {
    const night = dark.matches;
    return {
      backgroundColor: night ? "#14171b" : "#ffffff",
      pointColorActive: night ? "#ffffff" : "#111111",
      pointColorHover: night ? "#ffffff" : "#111111",
      pointOutlineWidth: 2,
      lassoColor: night ? "#7ab3ff" : "#1f6fd1",
      showReticle: false,
    };
  }

  async draw(points, classes, colours, moves) {
    this.count = points.length / 2;
    this.x = new Float32Array(this.count);
    this.y = new Float32Array(this.count);
    for (let at = 0; at < this.count; at += 1) {
      this.x[at] = points[2 * at];
      this.y[at] = points[2 * at + 1];
    }
    await this.colour(classes, colours, moves);
  }

  async colour(classes, colours, moves = false) {
    if (!this.count) return;
    // One colour alone would be taken for that of all, whatever the class.
    const several = colours.length > 1 ? colours : [colours[0], colours[0]];
    this.plot.set({
      colorBy: "category",
      pointColor: several,
      pointSize: sizeOf(this.count),
      pointSizeSelected: this.count < 1000 ? 3 : 2,
      opacity: opacityOf(this.count),
    });
    await this.plot.draw(
      { x: this.x, y: this.y, z: Float32Array.from(classes) },
      { zDataType: "categorical", transition: moves, transitionDuration: 700, preventFilterReset: true },
    );
  }

  select(numbers) {
    if (!this.count) return;
    if (numbers.length) this.plot.select(numbers, { preventEvent: true });
    else this.plot.deselect({ preventEvent: true });
  }

  show(numbers) {
    if (!this.count) return;
    if (numbers === null) this.plot.unfilter({ preventEvent: true });
    else this.plot.filter(numbers, { preventEvent: true });
  }

  placeOf(number) {
    return this.plot.getScreenPosition(number);
  }

  lasso(on) {
    this.plot.set({ mouseMode: on ? "lasso" : "panZoom" });
  }

  whole() {
    this.plot.reset({ preventEvent: true });
  }

  async near(number) {
    const [x, y] = [this.x[number], this.y[number]];
    await this.plot.zoomToLocation([x, y], 0.25, { transition: true, transitionDuration: 400 });
  }

  zoom(by) {
    const view = this.plot.get("cameraDistance");
    const [x, y] = this.plot.get("cameraTarget");
    this.plot.zoomToLocation([x, y], Math.min(4, Math.max(0.005, view * by)), { transition: true, transitionDuration: 150 });
  }
}
