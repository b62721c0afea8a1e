// Pictures of data: a map of coordinates, a histogram of numbers.

import { dragging, h } from "./dom.js";
import { member } from "./json.js";

/** Told apart by people who see few colours, and on both grounds. */
export const COLOURS = ["#3b82d6", "#d97706", "#16a34a", "#db2777", "#7c3aed", "#0891b2", "#a16207", "#64748b"];
const [RADIUS, MARGIN, BARS] = [4, 24, 16];
const STEPS = [30, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005];

/** How to read an item's longitude and latitude, in itself or one level below. @param {Json | undefined} item */
export function coordinatesOf(item) {
  for (const path of item ? ["", ...item.keys] : []) {
    const inner = path ? member(item, path) : item;
    const lat = inner?.keys.find((key) => /^lat(itude)?$/i.test(key));
    const lng = inner?.keys.find((key) => /^(lng|lon|long|longitude)$/i.test(key));
    if (!lat || !lng || member(inner, lat)?.kind !== "number") continue;
    return (/** @type {Json} */ of) => {
      const [x, y] = [lng, lat].map((key) => Number(member(path ? member(of, path) : of, key)?.raw));
      return Math.abs(x) <= 180 && Math.abs(y) <= 85 ? { x, y } : undefined;
    };
  }
  return undefined;
}

/** Mercator, so that a city keeps its shape. */
const north = (/** @type {number} */ lat) => (Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) * 180) / Math.PI;
const latitude = (/** @type {number} */ y) => (Math.atan(Math.exp((y * Math.PI) / 180)) * 360) / Math.PI - 90;

/** A canvas as large as its element, with a pen in its units. @param {HTMLCanvasElement} canvas */
export function penOf(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  [canvas.width, canvas.height] = [width * devicePixelRatio, height * devicePixelRatio];
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const style = getComputedStyle(canvas);
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.font = `${canvas.className === "map" ? 10 : 12}px ${style.fontFamily}`;
  const inks = ["line", "dim", "ink", "ground", "accent", "out", "error"].map((name) => {
    // Only a real property resolves `light-dark()`.
    canvas.style.color = `var(--${name})`;
    return [name, style.color];
  });
  return { pen, width, height, inks: /** @type {Record<string, string>} */ (Object.fromEntries(inks)) };
}

/** A map that zooms by the wheel, pans by dragging, selects by a click. @param {(at: number) => void} pick */
export function geoMap(pick) {
  const canvas = h("canvas.map", { role: "img" });
  let [dots, selected, moved] = [/** @type {Dot[]} */ ([]), -1, 0];
  let view = { x: 0, y: 0, scale: 0 };
  const toScreen = (/** @type {number} */ x, /** @type {number} */ y) => {
    return [canvas.clientWidth / 2 + (x - view.x) * view.scale, canvas.clientHeight / 2 - (y - view.y) * view.scale];
  };
  function fit() {
    const bounds = (/** @type {number[]} */ all) => [Math.min(...all), Math.max(...all)];
    const [[left, right], [low, high]] = [bounds(dots.map(({ x }) => x)), bounds(dots.map(({ y }) => y))];
    const scales = [(canvas.clientWidth - 2 * MARGIN) / (right - left || 1), (canvas.clientHeight - 2 * MARGIN) / (high - low || 1)];
    view = { x: (left + right) / 2, y: (low + high) / 2, scale: Math.min(...scales) };
  }

  function paint() {
    if (!canvas.clientWidth || !canvas.clientHeight || !dots.length) return;
    const { pen, width, height, inks } = penOf(canvas);
    if (!view.scale) fit();
    const step = STEPS.find((one) => width / view.scale / one >= 3) ?? STEPS[STEPS.length - 1];
    const label = (/** @type {number} */ n) => `${(n * step).toFixed(Math.max(0, Math.ceil(-Math.log10(step))))}°`;
    const [wide, tall] = [width / view.scale / 2, height / view.scale / 2];
    const rule = (/** @type {number} */ n, /** @type {number} */ left, /** @type {number} */ top) => {
      pen.fillStyle = inks.line;
      pen.fillRect(Math.round(left), Math.round(top), left ? 1 : width, left ? height : 1);
      pen.fillStyle = inks.dim;
      pen.fillText(label(n), left + 3, (top || height) - 3);
    };
    for (let n = Math.ceil((view.x - wide) / step); n * step <= view.x + wide; n++) rule(n, toScreen(n * step, 0)[0], 0);
    const [low, high] = [latitude(view.y - tall), latitude(view.y + tall)];
    for (let n = Math.ceil(low / step); n * step <= high; n++) rule(n, 0, toScreen(0, north(n * step))[1]);
    for (const { at, x, y, colour } of dots) {
      const [left, top] = toScreen(x, y);
      pen.beginPath();
      pen.arc(left, top, at === selected ? RADIUS + 3 : RADIUS, 0, 7);
      pen.fillStyle = colour;
      pen.fill();
      pen.strokeStyle = at === selected ? inks.ink : inks.ground;
      pen.lineWidth = at === selected ? 2 : 1;
      pen.stroke();
    }
  }

  canvas.addEventListener("pointerdown", () => void (moved = 0));
  dragging(canvas, (event) => {
    moved += Math.abs(event.movementX) + Math.abs(event.movementY);
    view = { ...view, x: view.x - event.movementX / view.scale, y: view.y + event.movementY / view.scale };
    paint();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const by = event.deltaY < 0 ? 1.2 : 1 / 1.2;
    const [dx, dy] = [(event.offsetX - canvas.clientWidth / 2) / view.scale, (canvas.clientHeight / 2 - event.offsetY) / view.scale];
    view = { x: view.x + dx - dx / by, y: view.y + dy - dy / by, scale: view.scale * by };
    paint();
  });
  canvas.addEventListener("click", ({ offsetX, offsetY }) => {
    const away = ({ x, y } = dots[0]) => Math.hypot(toScreen(x, y)[0] - offsetX, toScreen(x, y)[1] - offsetY);
    const near = dots.reduce((best, dot) => (away(dot) < away(best) ? dot : best), dots[0]);
    if (moved < 4 && near && away(near) < 12) pick(near.at);
  });
  new ResizeObserver(paint).observe(canvas);

  function show(/** @type {Dot[]} */ next, /** @type {number} */ chosen) {
    // Other items have other bounds; edited ones leave the view as it is.
    if (next.length !== dots.length) view.scale = 0;
    [dots, selected] = [next.map((dot) => ({ ...dot, y: north(dot.y) })), chosen];
    canvas.setAttribute("aria-label", `Map of ${dots.length} items`);
    paint();
  }
  return { el: canvas, show };
}

/** How numbers are spread, as small bars. @param {number[]} numbers */
export function histogram(numbers) {
  const [low, high] = numbers.reduce(([low, high], n) => [Math.min(low, n), Math.max(high, n)], [numbers[0], numbers[0]]);
  const bins = new Array(BARS).fill(0);
  for (const n of numbers) bins[Math.min(BARS - 1, Math.floor(((n - low) / (high - low || 1)) * BARS))]++;
  const bars = bins.map(() => h("i"));
  for (const [at, bar] of bars.entries()) bar.style.height = `${bins[at] && Math.max(8, (bins[at] / Math.max(...bins)) * 100)}%`;
  return h("span.histogram", { title: `${low} to ${high}`, "aria-hidden": "true" }, bars);
}
