// Train a VAE in the page: its code of the small digits sorts itself while it learns (train_worker.js).

import { drawClasses } from "./classes.js";
import { Plot, Sheet } from "./draw.js";
import { button, eachFrame, figure, layOut, menu, slider } from "./controls.js";
import { load } from "./weights.js";

const EDGE = 3; // of the map, as far as the decoder's tiles; what lies farther out is drawn at the edge
const RING = Math.sqrt(2 * Math.log(20)); // radius that holds 95 % of a plane's standard Gaussian
const MOST = 500; // passes after which it waits for another start
const ACTIVE = 0.05; // nats of KL from which a unit counts as active
const ENDED = "The numbers ran away: the learning rate was too high. Reset, and try a smaller one.";

export default async function explore(root) {
  const { config, tensors } = await load("small_digits");
  const counts = tensors.counts.data, labels = tensors.labels.data;
  const worker = new Worker(new URL("train_worker.js", import.meta.url), { type: "module" });
  const { controls, stage, aside, say } = layOut(root);
  const ask = eachFrame(root, update);
  let records = [], state = null, number = 0; // of the run: a frame of the one before may still be on its way

  const start = button(controls, "Start", () => go(!state?.going));
  const once = button(controls, "One pass", () => {
    worker.postMessage({ passes: 1, run: true });
  });
  button(controls, "Reset", reset);
  const power = (base, digits) => (v) => (base ** v).toPrecision(digits);
  const beta = slider(controls, { label: "β, price of a nat", min: -4, max: 5, step: 0.25, value: 0, show: power(2, 2), onInput: told });
  const rate = slider(controls, { label: "learning rate", min: -4, max: -1, step: 0.1, value: -2.3, show: power(10, 1), onInput: told });
  const code = menu(controls, {
    label: "numbers in the code", options: [2, 3, 4, 5, 6, 7, 8].map((k) => [String(k), k]), value: 2, onInput: reset,
  });
  const seed = slider(controls, { label: "seed", min: 0, max: 9, step: 1, value: 0, onInput: reset });

  const map = new Plot(figure(stage, "Means of the codes of 1,497 digits; ring: 95 % of the prior"),
    { label: "", x: [-EDGE, EDGE], y: [-EDGE, EDGE], xLabel: " ", square: true, left: 30 }, drawMap);
  const grid = new Sheet(figure(aside, "What the decoder draws there, from −3 to 3"), { label: "", side: 8, columns: 11, rows: 11 });
  grid.canvas.classList.add("explorer-tiles");
  const curve = new Plot(figure(aside, "−ELBO against passes, nats: gray on training digits, blue on held-out ones"),
    { label: "", height: 200, xLabel: "passes", x: [0, 10], y: [20, 28] }, drawCurve);
  const bars = new Plot(figure(aside, "Rate of each number of the code, nats"),
    { label: "", height: 120, x: [0.4, 8.6], y: [0, 2], ticks: false, xLabel: " " }, drawBars);
  const path = new Plot(figure(stage, "Rate and distortion on its way: the run is the dot"),
    { label: "", height: 200, xLabel: "rate", yLabel: "distortion", x: [0, 4], y: [20, 28] }, drawPath);

  worker.onmessage = ({ data }) => {
    if (data.number !== number) return;
    records.push(...data.records);
    state = data;
    start.textContent = data.going ? "Pause" : "Start";
    once.disabled = data.going;
    // A number that changes ten times a second is not read aloud until it stands still.
    say.setAttribute("aria-live", data.going ? "off" : "polite");
    ask();
  };
  worker.onerror = (event) => {
    say.textContent = `The training stopped: ${event.message}`;
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) go(false);
  });

  function go(run) {
    told();
    worker.postMessage({ passes: MOST, run });
  }

  function told() {
    worker.postMessage({ beta: 2 ** beta.value, rate: 10 ** rate.value });
    if (state) ask();
  }

  function reset() {
    records = [];
    state = null;
    number += 1;
    told();
    worker.postMessage({ run: false, begin: { number, counts, train: config.train, code: code.value, seed: seed.value } });
  }

  function update() {
    if (!state) return;
    const { passes, updates, failed, axes, pictures, tiles, busy } = state, { held, train } = records.at(-1);
    const active = [...held.units].filter((nats) => nats >= ACTIVE).length;
    const terms = `distortion ${held.distortion.toFixed(1)} + rate ${held.rate.toFixed(1)}`;
    say.textContent = failed ? ENDED
      : `Pass ${passes}, ${updates} updates. Held out: −ELBO ${held.negativeElbo.toFixed(1)} = ${terms} nats; ` +
        `${active} of ${code.value} numbers active.`;
    grid.paint(pictures, tiles * tiles);
    grid.label = `What the decoder draws for ${tiles} by ${tiles} codes`;
    map.xLabel = `number ${axes[0] + 1} (across) and number ${axes[1] + 1} (up)`;
    const name = `number ${axes[0] + 1} and number ${axes[1] + 1} of the code`;
    map.label = `Means of the codes of the digits in ${name} after ${passes} passes`;
    bars.yRange = [0, Math.max(2, 1.3 * Math.max(...held.units))];
    bars.label = `Nats of the ${code.value} numbers: ${[...held.units].map((v) => v.toFixed(2)).join(", ")}`;
    curve.xRange = [0, Math.max(10, passes)];
    const lowest = Math.min(...records.map((record) => Math.min(record.train.negativeElbo, record.held.distortion)));
    curve.yRange = path.yRange = [Math.max(0, Math.floor(lowest - 0.5)), 28];
    curve.label = `After ${passes} passes −ELBO is ${train.negativeElbo.toFixed(1)} nats on training digits, ${held.negativeElbo.toFixed(1)} on held-out ones`;
    path.xRange = [0, Math.max(4, ...records.map((record) => 1.1 * record.held.rate))];
    path.label = `The run is at rate ${held.rate.toFixed(1)} and distortion ${held.distortion.toFixed(1)} nats`;
    for (const plot of [map, bars, curve, path]) plot.refresh();
    const speed = passes / (busy / 1000);
    root.shown = { passes, updates, failed, going: state.going, held, train, active, speed, means: state.means };
  }

  function drawMap(plot) {
    if (!state) return;
    plot.line(Array.from({ length: 91 }, (_, i) => [RING * Math.cos(i * 0.0699), RING * Math.sin(i * 0.0699)]), { name: "line", width: 1 });
    drawClasses(plot, state.means, labels, 3);
  }

  function drawBars(plot) {
    if (!state) return;
    plot.line([[0.4, 0], [8.6, 0]], { name: "line", width: 1 });
    records.at(-1).held.units.forEach((nats, j) => {
      plot.bar(j + 0.7, j + 1.3, 0, nats);
      plot.text(nats.toFixed(2), j + 1, nats, { align: "center", size: 12, dy: -9 });
      plot.text(j + 1, j + 1, 0, { name: "quiet", align: "center", dy: 13 });
    });
  }

  function drawCurve(plot) {
    if (!state) return;
    const points = (part) => records.map((record) => [record.passes, record[part].negativeElbo]);
    plot.line(points("train"), { name: "data", width: 2 });
    plot.line(points("held"), { name: "vae", width: 2 });
  }

  function drawPath(plot) {
    if (!state) return;
    plot.line(records.map(({ held }) => [held.rate, held.distortion]), { name: "vae", width: 1.5 });
    const { held } = records.at(-1);
    plot.dot(held.rate, held.distortion);
  }

  reset();
  await new Promise((done) => {
    const frames = setInterval(() => {
      if (root.frames) done(clearInterval(frames));
    }, 10);
  });
}
