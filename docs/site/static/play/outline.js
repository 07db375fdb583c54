// Letters as outlines, as vae_course/plots/letters.py cuts them: finer, and black and white so that the ink stays.

const FINER = 4, SPECK = 2; // times as many places; smaller islands and holes, in pixels², are left out

/** Weights of PyTorch's bicubic interpolation (a = −0.75) of a row of `side` numbers to FINER times as many. */
function taps(side) {
  const a = -0.75;
  const near = (t) => ((a + 2) * t - (a + 3)) * t * t + 1, far = (t) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return Array.from({ length: side * FINER }, (_, i) => {
    const place = (i + 0.5) / FINER - 0.5, below = Math.floor(place), t = place - below;
    const weights = [far(t + 1), near(t), near(1 - t), far(2 - t)];
    return weights.map((weight, j) => [Math.min(side - 1, Math.max(0, below - 1 + j)), weight]);
  });
}

const known = new Map();

/** A square picture in FINER times as many pixels. */
export function finer(picture, side) {
  if (!known.has(side)) known.set(side, taps(side));
  const rows = known.get(side), large = side * FINER;
  const wide = new Float32Array(side * large), out = new Float32Array(large * large);
  for (let x = 0; x < large; x++) {
    const [[i0, w0], [i1, w1], [i2, w2], [i3, w3]] = rows[x];
    for (let y = 0, at = 0; y < side; y++, at += side) {
      wide[y * large + x] = w0 * picture[at + i0] + w1 * picture[at + i1] + w2 * picture[at + i2] + w3 * picture[at + i3];
    }
  }
  for (let y = 0; y < large; y++) {
    const [[i0, w0], [i1, w1], [i2, w2], [i3, w3]] = rows[y];
    for (let x = 0; x < large; x++) {
      out[y * large + x] =
        w0 * wide[i0 * large + x] + w1 * wide[i1 * large + x] + w2 * wide[i2 * large + x] + w3 * wide[i3 * large + x];
    }
  }
  return out;
}

/** The threshold above which so many places lie as the picture has ink. */
function inkKept(large, ink) {
  const bins = new Uint32Array(4096);
  for (const v of large) bins[Math.min(4095, Math.max(0, Math.floor((v + 0.25) * 2730)))] += 1;
  let left = Math.max(1, Math.floor(ink * large.length)), bin = 4095;
  while (bin > 0 && left > bins[bin]) left -= bins[bin--];
  return (bin + 1 - left / Math.max(1, bins[bin])) / 2730 - 0.25;
}

/** Closed lines [[x, y], …] around the ink of a picture (side, side) in [0, 1], in its pixels, y from above. */
export function outlines(picture, side) {
  const large = finer(picture, side), width = side * FINER + 2; // with a margin without ink
  let ink = 0;
  for (let i = 0; i < side * side; i++) ink += picture[i] / (side * side);
  const level = inkKept(large, ink);
  const field = new Float32Array(width * width).fill(Math.min(0, level - 1));
  for (let y = 0; y < width - 2; y++) field.set(large.subarray(y * (width - 2), (y + 1) * (width - 2)), (y + 1) * width + 1);
  return lines(field, width, level)
    .map((line) => line.map(([x, y]) => [(x - 0.5) / FINER, (y - 0.5) / FINER]))
    .filter((line) => Math.abs(area(line)) > SPECK)
    .map(fewer);
}

/** A closed line without the points that lie on the way from the last kept one to the next, within 1/50 pixel. */
function fewer(line) {
  const kept = [line[0]];
  for (let i = 1; i < line.length - 1; i++) {
    const [x0, y0] = kept[kept.length - 1], [x1, y1] = line[i], [x2, y2] = line[i + 1];
    const off = Math.abs((x2 - x0) * (y1 - y0) - (x1 - x0) * (y2 - y0)) / Math.hypot(x2 - x0, y2 - y0);
    if (off > 0.02 || Math.hypot(x1 - x0, y1 - y0) > 4) kept.push(line[i]);
  }
  return [...kept, line[line.length - 1]];
}

function area(line) {
  let sum = 0;
  for (let i = 0; i < line.length; i++) {
    const [x0, y0] = line[i], [x1, y1] = line[(i + 1) % line.length];
    sum += x0 * y1 - x1 * y0;
  }
  return sum / 2;
}

// Marching squares. Edges of the grid have numbers: 2·place across to the right, 2·place + 1 down. For each of the 16
// kinds of cell, by which corners (left above 1, right above 2, right below 4, left below 8) have ink: edges to join.
const TOP = 0, RIGHT = 1, BOTTOM = 2, LEFT = 3;
const JOINED = [
  [], [[LEFT, TOP]], [[TOP, RIGHT]], [[LEFT, RIGHT]], [[RIGHT, BOTTOM]], [[LEFT, TOP], [RIGHT, BOTTOM]], [[TOP, BOTTOM]],
  [[LEFT, BOTTOM]], [[BOTTOM, LEFT]], [[BOTTOM, TOP]], [[TOP, RIGHT], [BOTTOM, LEFT]], [[BOTTOM, RIGHT]],
  [[RIGHT, LEFT]], [[RIGHT, TOP]], [[TOP, LEFT]], [],
];

function lines(field, width, level) {
  const next = new Map(); // edge → edges it is joined with
  const join = (a, b) => {
    for (const [from, to] of [[a, b], [b, a]]) {
      if (next.has(from)) next.get(from).push(to);
      else next.set(from, [to]);
    }
  };
  for (let y = 0; y < width - 1; y++) {
    for (let x = 0; x < width - 1; x++) {
      const at = y * width + x;
      const kind = (field[at] > level) | ((field[at + 1] > level) << 1) | ((field[at + width + 1] > level) << 2) |
        ((field[at + width] > level) << 3);
      if (kind === 0 || kind === 15) continue;
      const edges = [2 * at, 2 * (at + 1) + 1, 2 * (at + width), 2 * at + 1];
      for (const [a, b] of JOINED[kind]) join(edges[a], edges[b]);
    }
  }
  const point = (edge) => {
    const at = edge >> 1, x = at % width, y = Math.floor(at / width), down = edge & 1;
    const here = field[at], there = field[at + (down ? width : 1)], t = (level - here) / (there - here);
    return down ? [x, y + t] : [x + t, y];
  };
  const found = [];
  for (const start of next.keys()) {
    const line = [];
    let edge = start;
    while (edge !== undefined) {
      line.push(point(edge));
      const [to] = next.get(edge).splice(0, 1);
      if (to === undefined) break;
      const back = next.get(to);
      back.splice(back.indexOf(edge), 1);
      edge = to === start ? undefined : to;
    }
    if (line.length > 2) found.push(line);
  }
  return found;
}

/** The `d` of an SVG path of closed lines. */
export function pathOf(closed) {
  return closed.map((line) => `M${line.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}Z`).join("");
}
