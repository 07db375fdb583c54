// The loss translator of chapter 05: somebody's loss in, effective β out. As vae_course/evaluation/loss_translator.py.

import { Plot } from "./draw.js";
import { eachFrame, figure, layOut, menu, slider } from "./controls.js";
import { load } from "./weights.js";

const ERRORS = { mse: [0.5, 2], bce: [1, 0], l1: [1, 1] }; // nats of a unit error; power of the pixels' range
const LATENT = 20, BATCH = 128;
const LOW = 1e-2, HIGH = 1e4, WIDE = 620; // the ends of the axis; the width from which names stand beside it

/** The β for which reconstruction + β · KL, in nats of an example, has the minimum of that loss. */
export function effectiveBeta({ error, features, errorWeight, klWeight, errorReduction, klReduction, range }) {
  const weigh = (weight, reduction, elements) => weight / { sum: 1 / BATCH, "batch mean": 1, mean: elements }[reduction];
  const [nats, power] = ERRORS[error];
  return (weigh(klWeight, klReduction, LATENT) * nats) / (weigh(errorWeight, errorReduction, features) * range ** power);
}

export default async function explore(root) {
  const { famous } = (await load("loss_translator")).config;
  const { controls, stage, say } = layOut(root, { aside: false });
  const ask = eachFrame(root, update);
  const pick = (label, options, value) => menu(controls, { label, options, value, onInput: ask });
  const reductions = ["sum", "batch mean", "mean"].map((name) => [name, name]);
  const parts = {
    error: pick("error", [["squared (MSE)", "mse"], ["cross-entropy (BCE)", "bce"], ["absolute (L1)", "l1"]], "mse"),
    errorReduction: pick("… reduced by", reductions, "mean"),
    klReduction: pick("KL reduced by", reductions, "batch mean"),
    features: pick("picture", [["28 × 28 gray", 784], ["32 × 32 gray", 1024], ["32 × 32 color", 3072], ["64 × 64 color", 12288]], 784),
    range: pick("pixels", [["0 to 1", 1], ["−1 to 1", 2], ["0 to 255", 255]], 1),
  };
  const power = (label, min, max) => {
    const show = (v) => number(10 ** v);
    return slider(controls, { label, min, max, step: 0.05, value: 0, show, onInput: ask });
  };
  const errorWeight = power("weight of the error", -4, 4), klWeight = power("weight of the KL", -5, 3);
  const plot = new Plot(figure(stage, "Effective β on a logarithmic axis; the dashed line is the ELBO of unit scale"),
    { label: "", height: 310, x: [Math.log10(LOW), Math.log10(HIGH)], y: [-0.6, famous.length + 0.7], ticks: false, left: (wide) => (wide < WIDE ? 8 : 372) }, draw);
  let beta = 1;

  function update() {
    const loss = Object.fromEntries(Object.entries(parts).map(([name, { value }]) => [name, value]));
    if (loss.error === "bce") loss.range = 1;
    parts.range.select.disabled = loss.error === "bce";
    beta = effectiveBeta({ ...loss, errorWeight: 10 ** errorWeight.value, klWeight: 10 ** klWeight.value });
    const scale = { mse: `a Gaussian with σ = ${number(beta ** 0.5)}`, l1: `a Laplace with b = ${number(beta)}` }[loss.error];
    say.textContent = `effective β = ${number(beta)}` + (scale ? `; the same as the ELBO (β = 1) of ${scale}` : "");
    const others = famous.map((row) => `${row.name}: ${number(row.beta)}`).join("; ");
    plot.label = `Your loss has effective β ${number(beta)}. Others: ${others}`;
    plot.refresh();
    root.shown = { beta };
  }

  function draw(plot) {
    const rows = [["your loss", beta, "mark"], ...famous.map((row) => [row.name, row.beta, "vae"])];
    const narrow = plot.left < 100;
    plot.line([[0, -0.6], [0, famous.length + 0.7]], { name: "data", dash: [5, 4], width: 1 });
    plot.text("β = 1", 0, -0.45, { name: "quiet", align: "center", size: 12 });
    rows.forEach(([name, value, look], i) => {
      const y = famous.length - i + 0.2, x = Math.log10(Math.min(HIGH / 2, Math.max(2 * LOW, value)));
      plot.line([[0, y], [x, y]], { name: "line", width: 1.5 });
      plot.dot(x, y, { name: look, radius: i ? 5 : 8 });
      const off = value > HIGH / 2 ? " →" : value < 2 * LOW ? " ←" : "";
      plot.text(number(value) + off, x, y, { name: look, dx: x < 0 ? -12 : 12, align: x < 0 ? "right" : "left", bold: true });
      const words = narrow ? name.split(":")[0] : name;
      const beside = narrow ? { size: 11, dy: -14 } : { dx: -10, align: "right", size: 12 };
      plot.text(words, Math.log10(LOW), y, beside);
    });
  }

  update();
  root.frames += 1;
}

function number(value) {
  if (value >= 1000 && value < 1e6) return Math.round(value).toLocaleString("en");
  const short = value.toPrecision(3);
  return short.includes("e") ? short.replace("e+", "e") : String(Number(short));
}
