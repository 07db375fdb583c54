// β × k: one network at every setting. Pictures, bars and the dot are computed here; the curves were measured.

import { Plot, Sheet } from "./draw.js";
import { eachFrame, figure, layOut, menu, slider } from "./controls.js";
import { sigmoid } from "./layers.js";
import { OneModel, klOf } from "./one_model.js";
import { load, normals } from "./weights.js";

const NAMES = [["MNIST", "mnist"], ["garments", "fashion_mnist"], ["small digits", "digits"]];
const LINES = [[2, "vaegan"], [4, "autoencoder"], [8, "gan"], [16, "vae"], [32, "data"]];
const SHOWN = 8, SAMPLES = 16, SILENT = 0.05; // a bar below so many nats counts as out

export default async function explore(root, { data = "mnist" }) {
  let { model, file } = await opened(data);
  const { controls, stage, aside, say } = layOut(root);
  const ask = eachFrame(root, update);
  const choice = menu(controls, { label: "pictures", options: NAMES, value: data, onInput: change });
  const beta = slider(controls, {
    label: "β, price of a nat", min: -2, max: 3, step: 0.125, value: 0, show: (v) => (2 ** v).toPrecision(3), onInput: ask,
  });
  const size = slider(controls, { label: "latent size k", min: 2, max: 32, step: 1, value: 16, onInput: ask });

  const sheet = (words, label, rows = 1) => {
    return new Sheet(figure(stage, words), { label, side: 28, columns: SHOWN, rows });
  };
  const seen = sheet("Test pictures", "Eight pictures that the network did not learn from");
  const rebuilt = sheet("… decoded from the mean of their code", "");
  const drawn = sheet("Decoded draws from N(0, I), the same draws at every setting", "", 2);
  const curves = new Plot(figure(aside, "Rate and distortion along β, nats: you are the dot"),
    { label: "", height: 230, xLabel: "rate", yLabel: "distortion", x: [0, 1], y: [0, 1] }, drawCurves);
  const bars = new Plot(figure(aside, "Nats in each latent dimension (the eight pictures)"),
    { label: "", height: 150, xLabel: "dimension", x: [0.3, 32.7], y: [0, 5] }, drawBars);
  const noise = normals(SAMPLES * 32, 4);
  let nats = [], here = [0, 0];

  async function change(name) {
    const found = await opened(name);
    if (name !== choice.value) return; // something else was chosen meanwhile
    ({ model, file } = found);
    begin();
  }

  function begin() {
    const { rate, distortion } = file.config;
    curves.xRange = [0, 1.05 * Math.max(...rate.flat())];
    const [low, high] = [Math.min(...distortion.flat()), Math.max(...distortion.flat())];
    curves.yRange = [low - 0.14 * (high - low), high + 0.1 * (high - low)];
    seen.paint(file.tensors.pictures.data, SHOWN);
    ask();
  }

  function update() {
    const k = size.value, price = 2 ** beta.value;
    model.at(price, k);
    const { mean, logVar } = model.encode(file.tensors.pictures.data, SHOWN);
    const codes = new Float32Array((SHOWN + SAMPLES) * model.latent);
    codes.set(mean);
    codes.set(noise, SHOWN * model.latent);
    const pictures = model.decode(codes, SHOWN + SAMPLES).map(sigmoid);
    rebuilt.paint(pictures, SHOWN);
    drawn.paint(pictures.subarray(SHOWN * model.pixels), SAMPLES);
    nats = Array.from({ length: k }, (_, j) => {
      let sum = 0;
      for (let a = 0; a < SHOWN; a++) sum += klOf(mean[a * model.latent + j], logVar[a * model.latent + j]);
      return sum / SHOWN;
    });
    const used = nats.filter((v) => v > SILENT).length;
    here = measured(file.config, price, k);
    const [rate, distortion] = here;
    const loss = (distortion + price * rate).toFixed(1);
    const setting = `β ${price.toPrecision(3)}, k ${k}`;
    say.textContent =
      `distortion ${distortion.toFixed(1)} + ${price.toPrecision(3)} · rate ${rate.toFixed(1)} = ${loss} nats; ` +
      `${used} of ${k} dimensions in use`;
    rebuilt.label = `The eight pictures, encoded and decoded at ${setting}`;
    drawn.label = `Sixteen decoded draws from the prior at ${setting}`;
    curves.label = `Rate ${rate.toFixed(1)} and distortion ${distortion.toFixed(1)} nats, among curves of five sizes`;
    bars.label = `Nats of each of ${k} dimensions; ${used} carry more than ${SILENT}`;
    bars.yRange = [0, Math.max(4, 1.1 * Math.max(...nats))];
    curves.refresh();
    bars.refresh();
    root.shown = { pictures, mean, logVar, nats, rate, distortion };
  }

  function drawCurves(plot) {
    const { rate, distortion } = file.config;
    for (const [k, name] of LINES) {
      const points = rate[k - 2].map((r, i) => [r, distortion[k - 2][i]]);
      plot.line(points, { name, width: k === size.value ? 4 : 2 });
      const end = points[0];
      if (k < 32) plot.text(`k = ${k}`, ...end, { name, dx: 6, dy: k > 8 ? 11 : -6, size: 12 });
      else plot.text("32", ...end, { name, align: "right", dx: 4, dy: -9, size: 12 });
    }
    plot.dot(...here, { radius: 7 });
  }

  function drawBars(plot) {
    nats.forEach((v, j) => plot.bar(j + 0.6, j + 1.4, 0, v));
    for (let j = nats.length; j < 32; j++) plot.bar(j + 0.6, j + 1.4, 0, 0.02, { name: "line" });
  }

  begin();
}

async function opened(name) {
  const file = await load(`one_model_${name}`);
  return { file, model: new OneModel(file) };
}

/** [rate, distortion] at a setting, on straight lines in log β between the measured ones. */
export function measured({ betas, rate, distortion }, beta, k) {
  let i = 0;
  while (i < betas.length - 2 && beta > betas[i + 1]) i++;
  const up = Math.log(beta / betas[i]) / Math.log(betas[i + 1] / betas[i]);
  return [rate, distortion].map((table) => table[k - 2][i] * (1 - up) + table[k - 2][i + 1] * up);
}
