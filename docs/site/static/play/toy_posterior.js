// The toy posterior of chapter 01: move a Gaussian q(z|x) over the exact posterior; the gap to log p(x) is a KL.
// z ~ N(0, 1), x | z ~ N(f(z), σ² I); all integrals are sums over z, as in vae_course/data/toys.py.

import { Plot, minus } from "./draw.js";
import { button, drag, eachFrame, figure, layOut, slider, menu } from "./controls.js";

const SIGMA = 0.25, LOG_2PI = Math.log(2 * Math.PI), SHOWN = 8, REACH = 3.3;
const curve = (z) => [0.9 * z - 1.5 * Math.sin(2.2 * z), -1.5 * Math.cos(2.2 * z)];
const logNormal = (z, mean, std) => -0.5 * ((z - mean) / std) ** 2 - Math.log(std) - 0.5 * LOG_2PI;

function logJoint([x0, x1], z) {
  const [f0, f1] = curve(z);
  const squared = (x0 - f0) ** 2 + (x1 - f1) ** 2;
  return -squared / (2 * SIGMA ** 2) - 2 * Math.log(SIGMA) - LOG_2PI + logNormal(z, 0, 1);
}

/** log p(x), and log p(z|x) as a function: a sum over z in steps of 0.005. */
export function exact(x) {
  const step = 0.005, logs = [];
  for (let z = -12; z <= 12; z += step) logs.push(logJoint(x, z));
  const top = Math.max(...logs);
  const logP = top + Math.log(logs.reduce((sum, v) => sum + Math.exp(v - top), 0) * step);
  return { logP, logPosterior: (z) => logJoint(x, z) - logP };
}

/** E_q[log p(x, z) − log q(z)]: a sum around the mean of q. It knows nothing of log p(x). */
export function elbo(x, mean, std) {
  let sum = 0;
  for (let u = -10; u < 10.01; u += 0.02) {
    const z = mean + std * u;
    sum += Math.exp(logNormal(u, 0, 1)) * 0.02 * (logJoint(x, z) - logNormal(z, mean, std));
  }
  return sum;
}

/** KL(q ‖ p(z|x)) from the normalized posterior: a sum over z itself, in steps that q's width sets. */
export function klToPosterior({ logPosterior }, mean, std) {
  const step = Math.min(0.01, std / 8);
  let sum = 0;
  for (let z = mean - 10 * std; z <= mean + 10 * std; z += step) {
    const logQ = logNormal(z, mean, std);
    sum += Math.exp(logQ) * (logQ - logPosterior(z)) * step;
  }
  return sum;
}

/** Where the curve meets itself, on the line x₁ = 0. */
function crossing() {
  let [low, high] = [0.5, 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (curve(middle)[0] < 0) low = middle;
    else high = middle;
  }
  return [0, curve(low)[1]];
}

const POINTS = [["crossing", crossing()], ["bottom", curve(0)], ["stray", [3, 0]]];
const range = (from, to, n) => Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));

export default async function explore(root) {
  const { controls, stage, aside, say } = layOut(root);
  const ask = eachFrame(root, update);
  const shown = (v) => v.toFixed(2).replace("-", "−");
  const point = menu(controls, { label: "x", options: POINTS, value: POINTS[0][1], onInput: ask });
  const mean = slider(controls, { label: "mean of q", min: -3, max: 3, step: 0.02, value: 1, show: shown, onInput: ask });
  const width = slider(controls, {
    label: "width σ of q", min: -3.5, max: 0.5, step: 0.02, value: -2, show: (v) => Math.exp(v).toFixed(3), onInput: ask,
  });
  button(controls, "Let q find its way", descend);
  const densities = new Plot(figure(stage, "Over the latent: exact posterior (gray) and q (blue). Drag q's mean"),
    { label: "", height: 250, x: [-REACH, REACH], y: [0, 1], xLabel: "z" }, drawDensities);
  const plane = new Plot(figure(aside, "Data plane: the curve f(z), x, and where q sends it"),
    { label: "", height: 200, x: [-4.4, 4.4], y: [-2.6, 2.6], ticks: false, equal: true }, drawPlane);
  const nats = new Plot(figure(aside, "ELBO + KL = log p(x), nats"),
    { label: "", height: 110, x: [0, 1], y: [0, 1], ticks: false }, drawNats);
  let known = exact(POINTS[0][1]), of = POINTS[0][1], q = {};
  drag(densities.canvas, (px) => {
    mean.set(Math.max(-3, Math.min(3, densities.at(px, 0)[0])));
    ask();
  });

  function update() {
    if (of !== point.value) {
      of = point.value;
      known = exact(of);
    }
    const std = Math.exp(width.value);
    q = { mean: mean.value, std, elbo: elbo(of, mean.value, std), kl: klToPosterior(known, mean.value, std) };
    const numbers = [q.elbo, q.kl, known.logP].map((v) => minus(v.toFixed(2)));
    say.textContent = `ELBO ${numbers[0]} + KL ${numbers[1]} = log p(x) ${numbers[2]} nats`;
    densities.yRange = [0, 2.2 * Math.max(...range(-REACH, REACH, 700).map((z) => Math.exp(known.logPosterior(z))))];
    densities.label = `The exact posterior, and q with mean ${shown(q.mean)} and width ${std.toFixed(3)}`;
    plane.label = `The looping curve, the point x, and the part of the curve within two widths of q's mean`;
    nats.label = say.textContent;
    for (const plot of [densities, plane, nats]) plot.refresh();
    root.shown = { ...q, logP: known.logP };
  }

  /** Steps down the slope of the KL, from where q is: what an encoder's training would do for this one x. */
  function descend() {
    let left = 60;
    const gap = (m, s) => klToPosterior(known, m, Math.exp(s));
    const step = () => {
      const m = mean.value, s = width.value, e = 1e-3, std = Math.exp(s);
      const slopes = [(gap(m + e, s) - gap(m - e, s)) / (2 * e), (gap(m, s + e) - gap(m, s - e)) / (2 * e)];
      const clipped = (v) => Math.max(-0.15, Math.min(0.15, v));
      mean.set(m - clipped(0.3 * std * std * slopes[0]) || m);
      width.set(s - clipped(0.25 * slopes[1]));
      ask();
      if ((left -= 1) > 0 && root.isConnected) requestAnimationFrame(step);
    };
    step();
  }

  function drawDensities(plot) {
    const at = range(-REACH, REACH, 700);
    const posterior = at.map((z) => [z, Math.exp(known.logPosterior(z))]);
    plot.line([[-REACH, 0], ...posterior, [REACH, 0]], { name: "data", fill: 0.25, width: 0 });
    plot.line(posterior, { name: "data" });
    plot.line(at.map((z) => [z, Math.exp(logNormal(z, q.mean, q.std))]), { name: "vae", width: 2.5 });
  }

  function drawPlane(plot) {
    plot.line(range(-REACH, REACH, 400).map(curve), { name: "data", width: 1.5 });
    plot.line(range(q.mean - 2 * q.std, q.mean + 2 * q.std, 120).map(curve), { name: "vae", width: 5 });
    const turn = range(0, 2 * Math.PI, 60);
    plot.line(turn.map((a) => [of[0] + SIGMA * Math.cos(a), of[1] + SIGMA * Math.sin(a)]), { name: "mark", dash: [3, 3] });
    plot.dot(...of, { radius: 4 });
    plot.text("x", ...of, { name: "mark", dx: 11, dy: -13, bold: true });
  }

  /** One bar: it reaches from eight nats below log p(x) to the ELBO, and the KL fills it up. */
  function drawNats(plot) {
    const part = Math.min(1, Math.max(0, 1 - q.kl / SHOWN));
    plot.bar(0, part, 0.35, 0.8, { name: "vae" });
    plot.bar(part, 1, 0.35, 0.8, { name: "mark", alpha: 0.75 });
    plot.text(`ELBO ${q.elbo.toFixed(2)}${part ? "" : " (off the left end)"}`, 0, 0.16, { name: "vae", bold: true });
    plot.text(`KL ${q.kl.toFixed(2)}`, 1, 0.16, { name: "mark", align: "right", bold: true });
    plot.text(`log p(x) ${known.logP.toFixed(2)}`, 1, 0.95, { align: "right" });
  }

  update();
  root.frames += 1;
}
