// Attributes on decoded faces: a code, the same code after steps along attribute directions, and what has changed.

import { Sheet } from "./draw.js";
import { button, eachFrame, figure, layOut, menu, slider, spread } from "./controls.js";
import { network } from "./layers.js";
import { load, normals } from "./weights.js";

const SIDE = 64, VALUES = SIDE * SIDE * 3, BRIGHTER = 3;
const ALBUMS = [["photographs", "photographs"], ["drawn", "drawn"]];
const WORDS = {
  photographs: { Smiling: "smile", Eyeglasses: "glasses", Blond_Hair: "blond hair", Bangs: "bangs", No_Beard: "no beard" },
  drawn: { smile: "smile", glasses: "glasses", hair_color: "hair color", hair_length: "hair length", pose: "pose" },
};
const FILES = { photographs: [["VAE", "celeba_vae"], ["VAE-GAN", "celeba_vae_gan"]], drawn: [["VAE", "drawn_faces"]] };

/** A decoder of faces, with the arrays beside it: decode(z, n) → (n, 64 · 64 · 3) in [0, 1]. */
export async function opened(name) {
  const { config, tensors } = await load(name);
  const run = network(tensors, config.decoder);
  const offset = new Float32Array(VALUES); // channel by channel there, side by side here
  tensors.output_offset.data.forEach((v, i) => { offset[(i % (SIDE * SIDE)) * 3 + Math.floor(i / (SIDE * SIDE))] = v; });
  const decode = (z, n) => {
    const pictures = run(z, n);
    for (let i = 0, at = 0; i < pictures.length; i++, at = at + 1 === VALUES ? 0 : at + 1) {
      pictures[i] = Math.min(1, Math.max(0, pictures[i] + offset[at]));
    }
    return pictures;
  };
  return { ...config, tensors, decode };
}

/** A code from the Gaussian fitted to the codes of training faces: mean + factor · noise. */
export function fitted({ tensors, latent }, noise) {
  const { mean, factor } = tensors;
  return Float32Array.from(mean.data, (m, i) => {
    let sum = m;
    for (let j = 0; j < latent; j++) sum += factor.data[i * latent + j] * noise[j];
    return sum;
  });
}

export default async function explore(root) {
  const { controls, stage, say } = layOut(root, { aside: false });
  stage.classList.add("tiles");
  const ask = eachFrame(root, update);
  let models = [], sliders = [], person = 3, before = [], after = [], changes = [], sheets = [], work = spread([]);
  const album = menu(controls, { label: "faces", options: ALBUMS, value: "photographs", onInput: change });
  button(controls, "Another person", () => {
    person += 1;
    prepare();
    moved();
  });
  button(controls, "Take all back", () => {
    for (const { control } of sliders) control.set(0);
    moved();
  });

  async function change() {
    const chosen = album.value;
    const found = await Promise.all(FILES[chosen].map(async ([label, file]) => ({ label, ...(await opened(file)) })));
    if (chosen !== album.value) return;
    models = found;
    sliders.forEach(({ control }) => control.row.remove());
    const [low, high, step] = chosen === "drawn" ? [-0.5, 0.5, 0.05] : [-2, 2, 0.1];
    const show = (v) => (v > 0 ? "+" : "") + v.toFixed(step < 0.1 ? 2 : 1).replace("-", "−");
    sliders = Object.entries(WORDS[chosen]).map(([name, label]) => ({
      name, control: slider(controls, { label, min: low, max: high, step, value: name.endsWith("lasses") ? 0.75 * high : 0, show, onInput: moved }),
    }));
    stage.replaceChildren();
    sheets = models.map(({ label }) => {
      const words = `${label}: decoded, after your steps, and what has changed (× ${BRIGHTER})`;
      return new Sheet(figure(stage, words), { label: "", side: SIDE, columns: 3, channels: 3, gap: 2 });
    });
    work = spread(models, redraw);
    prepare();
    moved();
  }

  function moved() {
    work.again();
    ask();
  }

  /** The code of the present person for each model, and its picture. */
  function prepare() {
    const noise = normals(64, person);
    for (const model of models) {
      const { people, mean } = model.tensors, k = model.latent;
      if (people) {
        const from = (person % people.shape[0]) * k;
        model.code = mean.data.map((v, j) => v + people.data[from + j]);
      } else {
        model.code = fitted(model, noise);
      }
    }
    before = models.map((model) => model.decode(model.code, 1));
    before.forEach((picture, i) => sheets[i].paint(picture, 1, 0));
  }

  /** Decode one model's code after the present steps, and show what they change. */
  function redraw(model, i) {
    const z = model.code.slice(), k = model.latent;
    for (const { name, control } of sliders) {
      const from = model.names.indexOf(name) * k;
      for (let j = 0; j < k; j++) z[j] += control.value * model.tensors.directions.data[from + j];
    }
    after[i] = model.decode(z, 1);
    const difference = new Float32Array(VALUES);
    changes[i] = 0;
    for (let j = 0; j < VALUES; j++) {
      const by = Math.abs(after[i][j] - before[i][j]);
      changes[i] += by / VALUES;
      difference[j] = Math.min(1, BRIGHTER * by);
    }
    sheets[i].paint(after[i], 1, 1);
    sheets[i].paint(difference, 1, 2);
  }

  function update() {
    const settled = work.some();
    const steps = sliders.filter(({ control }) => control.value);
    const asked = steps.map(({ name, control }) => `${WORDS[album.value][name]} ${control.value > 0 ? "+" : "−"}`).join(", ");
    if (settled) {
      const moved = models.map(({ label }, i) => `${label} ${changes[i].toFixed(3)}`);
      say.textContent = asked
        ? `${asked}: the mean change of a pixel is ${moved.join(", ")} (black to white is 1)`
        : "Move a slider: the third picture shows what changes";
      models.forEach(({ label }, i) => {
        sheets[i].label = `${label}: a face, the same after ${asked || "no step"}, and their difference, ${changes[i].toFixed(3)} a pixel`;
      });
    } else {
      setTimeout(ask);
    }
    root.shown = { settled, codes: models.map(({ code }) => code), before, after };
  }

  await change();
  update();
  root.frames += 1;
}
