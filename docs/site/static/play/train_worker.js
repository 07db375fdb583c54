// Trains a small VAE beside the page, so that the page stays quick: told what to do by messages, it sends back frames.
//
// In: {begin: {counts, train, code, seed}}, {beta, rate}, {run: true | false}, {passes: n} to stop after n more.
// Out: a frame: what was measured after each pass since the last, where the codes lie, what the decoder draws.

import { SmallVAE, generator } from "./small_vae.js";

const BATCH = 64, MEASURED = 300; // pictures of an update; of a measurement, both of the training and the held-out part
const TILES = 11, REACH = 3; // of the grid of codes that the decoder draws, from −REACH to REACH
const TURN = 30, BETWEEN = 90; // ms: of training before messages are read; between two frames
const BETTER = 1.5; // another unit takes an axis of the map when it carries so many times as many nats

let run = null; // what training needs
let going = false, left = Infinity; // passes that may still begin
const wish = { beta: 1, rate: 0.005 };

function begin({ number, counts, train, code, seed }) {
  const pixels = 64, n = counts.length / pixels, x = Float64Array.from(counts, (c) => c / 16);
  const mean = new Float64Array(pixels);
  for (let i = 0; i < train * pixels; i++) mean[i % pixels] += x[i];
  const model = new SmallVAE(mean.map((sum) => (sum + 1) / (train + 2)), code);
  const random = generator(seed);
  model.begin(random);
  const fixed = generator(1); // the same noise at every measurement: records differ by the weights alone
  const noise = Float64Array.from({ length: MEASURED * code }, fixed.normal);
  run = { number, model, x, n, train, code, pixels, random, noise, passes: 0, busy: 0, axes: [0, 1], records: [], at: train };
  measure();
  frame();
}

/** Both parts at KL weight 1, whatever β is. */
function measure() {
  const { model, x, train, pixels, noise, records, passes } = run;
  const terms = (from) => model.forward(x.subarray(from * pixels, (from + MEASURED) * pixels), noise, MEASURED);
  records.push({ passes, train: terms(0), held: terms(train) });
  chooseAxes(records.at(-1).held.units);
}

/** The map shows the two units that carry most; it keeps them until another is clearly ahead. */
function chooseAxes(units) {
  const { axes, code } = run;
  for (let j = 0; j < code; j++) {
    const lower = units[axes[0]] < units[axes[1]] ? 0 : 1;
    if (!axes.includes(j) && units[j] > BETTER * units[axes[lower]] + 0.02) axes[lower] = j;
  }
  axes.sort((a, b) => a - b);
}

function update() {
  const { model, x, train, code, pixels, random } = run;
  if (run.at >= train) {
    run.order = random.shuffled(train);
    run.at = 0;
  }
  const rows = run.order.subarray(run.at, run.at + BATCH), n = rows.length;
  const batch = new Float64Array(n * pixels), noise = Float64Array.from({ length: n * code }, random.normal);
  rows.forEach((row, i) => batch.set(x.subarray(row * pixels, (row + 1) * pixels), i * pixels));
  const { negativeElbo } = model.update(batch, noise, n, wish.beta, wish.rate);
  run.at += n;
  if (run.at >= train) {
    run.passes += 1;
    left -= 1;
    measure();
  }
  return Number.isFinite(negativeElbo);
}

function frame(failed = false) {
  const { number, model, x, n, code, axes, records, passes, busy } = run;
  model.encode(x, n);
  const means = new Float32Array(2 * n), grid = new Float64Array(TILES * TILES * code);
  for (let i = 0; i < n; i++) {
    means[2 * i] = model.mu[i * code + axes[0]];
    means[2 * i + 1] = model.mu[i * code + axes[1]];
  }
  for (let i = 0; i < TILES * TILES; i++) { // from top left; what is on no axis stays at 0
    grid[i * code + axes[0]] = (((i % TILES) + 0.5) / TILES - 0.5) * 2 * REACH;
    grid[i * code + axes[1]] = (0.5 - (Math.floor(i / TILES) + 0.5) / TILES) * 2 * REACH;
  }
  const pictures = model.pictures(grid, TILES * TILES), updates = model.updates;
  const rest = { number, updates, passes, axes, busy, failed, going, tiles: TILES, reach: REACH };
  postMessage({ means, pictures, records: records.splice(0), ...rest });
}

let shown = 0, waiting = false;
function soon() {
  if (!waiting) setTimeout(turn);
  waiting = true;
}

function turn() {
  waiting = false;
  if (!going) return;
  const start = performance.now();
  let fine = true;
  while (fine && left > 0 && performance.now() - start < TURN) fine = update();
  run.busy += performance.now() - start;
  if (!fine || left <= 0) going = false;
  if (!going || performance.now() - shown > BETWEEN) {
    frame(!fine);
    shown = performance.now();
  }
  soon();
}

onmessage = ({ data }) => {
  if (data.begin) {
    going = false;
    begin(data.begin);
  }
  if (data.beta) wish.beta = data.beta;
  if (data.rate) wish.rate = data.rate;
  if (data.passes) left = data.passes;
  if (data.run !== undefined && data.run !== going) {
    going = data.run;
    if (going) soon();
    else frame();
  }
};
