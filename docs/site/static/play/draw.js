// Canvases: sheets of pictures and plots. Colors are the page's (play.css), so that they follow its theme.

/** The page's color of a name: data, vae, gan, autoencoder, vaegan, mark, ink, quiet, line, paper. */
export function color(element, name) {
  return getComputedStyle(element).getPropertyValue(`--ex-${name}`).trim();
}

const painters = new Set();
new MutationObserver(() => painters.forEach((paint) => paint())).observe(document.documentElement, {
  attributeFilter: ["data-theme"],
});

/** A sheet of pictures of `side` × `side` pixels in `columns`, `channels` 1 (gray) or 3 side by side. */
export class Sheet {
  constructor(into, { label, side, columns, rows = 1, channels = 1, gap = 1 }) {
    Object.assign(this, { side, columns, channels, gap });
    this.canvas = document.createElement("canvas");
    this.canvas.width = columns * (side + gap) - gap;
    this.canvas.height = rows * (side + gap) - gap;
    this.canvas.className = "explorer-sheet";
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.picture = this.context.createImageData(side, side);
    this.label = label;
    into.append(this.canvas);
  }

  /** What a screen reader says of it. */
  set label(text) {
    this.canvas.setAttribute("aria-label", text);
  }

  /** Paint n pictures (n, side · side, channels) in [0, 1] from place `first` on. `invert`: ink is dark. */
  paint(data, n, first = 0, invert = false) {
    const pixels = this.side * this.side, out = this.picture.data;
    const [scale, zero, green, blue] = [...(invert ? [-255, 255] : [255, 0]), ...(this.channels === 3 ? [1, 2] : [0, 0])];
    for (let i = 0; i < n; i++) {
      for (let p = 0, at = i * pixels * this.channels; p < 4 * pixels; p += 4, at += this.channels) {
        out[p] = zero + scale * data[at];
        out[p + 1] = zero + scale * data[at + green];
        out[p + 2] = zero + scale * data[at + blue];
        out[p + 3] = 255;
      }
      const place = first + i, step = this.side + this.gap;
      this.context.putImageData(this.picture, (place % this.columns) * step, Math.floor(place / this.columns) * step);
    }
  }
}

const niceStep = (span, n) => {
  const raw = span / n, power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((times) => times * power >= raw);
};
export const minus = (text) => String(text).replace(/(?<!\w)-(?=[\d.])/g, "\u2212");

/**
 * A plot with axes. `draw(plot)` is called whenever it has to be painted anew: by refresh(), when its size or the
 * theme changes. Inside it: line, dots, bars, text in the units of the axes; x, y give places in CSS pixels.
 */
export class Plot {
  constructor(into, { label, height = 220, x, y, xLabel = "", yLabel = "", ticks = true, square = false, equal = false, left }, draw) {
    Object.assign(this, { height, xRange: x, yRange: y, xLabel, yLabel, ticks, square, equal, draw });
    this.canvas = document.createElement("canvas");
    this.canvas.className = "explorer-plot";
    this.canvas.setAttribute("role", "img");
    this.context = this.canvas.getContext("2d");
    this.label = label;
    this.margin = left ?? (ticks ? 44 : 8); // a number, or a function of the width
    into.append(this.canvas);
    new ResizeObserver(() => requestAnimationFrame(() => this.refresh())).observe(this.canvas);
    painters.add(() => this.refresh());
  }

  set label(text) {
    this.canvas.setAttribute("aria-label", text);
  }

  color(name) {
    return color(this.canvas, name);
  }

  x(value) {
    return this.left + ((value - this.xRange[0]) / (this.xRange[1] - this.xRange[0])) * this.inside[0];
  }

  y(value) {
    return this.top + (1 - (value - this.yRange[0]) / (this.yRange[1] - this.yRange[0])) * this.inside[1];
  }

  /** The values at a place of the canvas, in CSS pixels. */
  at(px, py) {
    const [x0, x1] = this.xRange, [y0, y1] = this.yRange;
    const across = (px - this.left) / this.inside[0], up = 1 - (py - this.top) / this.inside[1];
    return [x0 + across * (x1 - x0), y0 + up * (y1 - y0)];
  }

  refresh() {
    const wide = this.canvas.clientWidth;
    if (!wide) return;
    const high = this.square ? wide : this.height, dots = devicePixelRatio || 1;
    this.canvas.style.height = `${high}px`;
    if (this.canvas.width !== Math.round(wide * dots) || this.canvas.height !== Math.round(high * dots)) {
      this.canvas.width = Math.round(wide * dots);
      this.canvas.height = Math.round(high * dots);
    }
    this.top = 10;
    this.left = typeof this.margin === "function" ? this.margin(wide) : this.margin;
    const below = (this.ticks ? 20 : 6) + (this.xLabel ? 18 : 0);
    this.inside = [wide - this.left - 10, high - this.top - below];
    if (this.equal) { // one unit is as long up as across
      const half = ((this.xRange[1] - this.xRange[0]) * this.inside[1]) / this.inside[0] / 2;
      const middle = (this.yRange[0] + this.yRange[1]) / 2;
      this.yRange = [middle - half, middle + half];
    }
    const c = this.context;
    c.setTransform(dots, 0, 0, dots, 0, 0);
    c.clearRect(0, 0, wide, high);
    c.font = "13px system-ui, sans-serif";
    if (this.ticks) this.axes(high);
    this.draw(this);
  }

  axes(high) {
    const c = this.context, [wide, tall] = this.inside, bottom = this.top + tall;
    c.strokeStyle = this.color("line");
    c.fillStyle = this.color("quiet");
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(this.left, this.top);
    c.lineTo(this.left, bottom);
    c.lineTo(this.left + wide, bottom);
    c.stroke();
    const marks = ([low, top], n) => {
      const step = niceStep(top - low, n), first = Math.ceil(low / step - 1e-9);
      const count = Math.floor(top / step + 1e-9) - first + 1;
      return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(6)));
    };
    c.textBaseline = "middle";
    c.textAlign = "right";
    for (const v of marks(this.yRange, tall / 40)) c.fillText(minus(v), this.left - 6, this.y(v));
    c.textAlign = "center";
    for (const v of marks(this.xRange, wide / 60)) c.fillText(minus(v), this.x(v), bottom + 12);
    if (this.xLabel) c.fillText(this.xLabel, this.left + wide / 2, high - 9);
    c.textAlign = "left";
    if (this.yLabel) c.fillText(this.yLabel, this.left + 6, this.top + 4);
  }

  line(points, { name = "ink", width = 2, dash = [], fill = 0, close = false } = {}) {
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(this.left, this.top - 4, this.inside[0] + 6, this.inside[1] + 5);
    c.clip();
    c.beginPath();
    for (const [x, y] of points) c.lineTo(this.x(x), this.y(y));
    if (close) c.closePath();
    c.setLineDash(dash);
    c.lineWidth = width;
    c.strokeStyle = c.fillStyle = this.color(name);
    c.globalAlpha = fill || 1;
    if (fill) c.fill();
    c.globalAlpha = 1;
    if (width) c.stroke();
    c.restore();
  }

  dot(x, y, { name = "mark", radius = 6, ring = true } = {}) {
    const c = this.context;
    c.beginPath();
    c.arc(this.x(x), this.y(y), radius, 0, 7);
    c.fillStyle = this.color(name);
    c.fill();
    c.lineWidth = 1.5;
    c.strokeStyle = this.color("paper");
    if (ring) c.stroke();
  }

  /** A bar from (x0, y0) to (x1, y1), in the units of the axes. */
  bar(x0, x1, y0, y1, { name = "vae", alpha = 1 } = {}) {
    const c = this.context, left = this.x(x0), top = this.y(Math.max(y0, y1));
    c.fillStyle = this.color(name);
    c.globalAlpha = alpha;
    c.fillRect(left, top, this.x(x1) - left, Math.max(1, this.y(Math.min(y0, y1)) - top));
    c.globalAlpha = 1;
  }

  text(words, x, y, { name = "ink", align = "left", dx = 0, dy = 0, size = 13, bold = false } = {}) {
    const c = this.context;
    c.font = `${bold ? "600 " : ""}${size}px system-ui, sans-serif`;
    c.fillStyle = this.color(name);
    c.textAlign = align;
    c.textBaseline = "middle";
    c.fillText(minus(words), this.x(x) + dx, this.y(y) + dy);
  }
}
