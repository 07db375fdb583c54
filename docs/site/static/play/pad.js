// The latent pad: drag over a plane of two latent numbers, and see at once what the decoder draws there.

import { Plot, Sheet } from "./draw.js";
import { drag, eachFrame, figure, layOut, menu, slider } from "./controls.js";
import { network, sigmoid } from "./layers.js";
import { load } from "./weights.js";

const NAMES = [["MNIST", "mnist"], ["garments", "fashion_mnist"], ["small digits", "digits"]];
const GARMENTS = ["T", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"];
const BACKGROUNDS = [["the decoder's map", "map"], ["codes of test pictures", "codes"]];
const REACH = 3.2, SIDE = 28, TILES = 17;
const RING = Math.sqrt(2 * Math.log(20)); // radius that holds 95 % of a plane's standard Gaussian

export default async function explore(root, { data = "mnist" }) {
  let model = await opened(data);
  const { controls, stage, aside, say } = layOut(root, { pair: true });
  const ask = eachFrame(root, update);
  const choice = menu(controls, { label: "pictures", options: NAMES, value: data, onInput: change });
  const behind = menu(controls, { label: "behind it", options: BACKGROUNDS, value: "map", onInput: ask });
  const sliders = ["z₁", "z₂"].map((label, i) => {
    const range = { min: -REACH + 0.2, max: REACH - 0.2, step: 0.05, value: i ? -0.4 : 0.8 };
    return slider(controls, { label, ...range, show: (v) => v.toFixed(2).replace("-", "−"), onInput: ask });
  });
  const plane = new Plot(figure(stage, "Drag here"),
    { label: "", x: [-REACH, REACH], y: [-REACH, REACH], xLabel: "z₁ across, z₂ up", square: true, left: 30 }, drawPlane);
  plane.canvas.classList.add("explorer-pad");
  const sheet = new Sheet(figure(aside, "It draws"), { label: "", side: SIDE, columns: 1 });
  sheet.canvas.classList.add("explorer-large");
  const map = Object.assign(document.createElement("canvas"), { width: TILES * SIDE, height: TILES * SIDE });
  drag(plane.canvas, (px, py) => {
    plane.at(px, py).forEach((v, i) => sliders[i].set(Math.max(-REACH + 0.2, Math.min(REACH - 0.2, v))));
    ask();
  });

  async function change(name) {
    const found = await opened(name);
    if (name !== choice.value) return; // something else was chosen meanwhile
    model = found;
    drawMap();
    ask();
  }

  /** The decoder's means on a grid of codes, once for each model. */
  function drawMap() {
    const codes = new Float32Array(2 * TILES * TILES);
    for (let i = 0; i < TILES * TILES; i++) {
      codes[2 * i] = (((i % TILES) + 0.5) / TILES - 0.5) * 2 * REACH;
      codes[2 * i + 1] = (0.5 - (Math.floor(i / TILES) + 0.5) / TILES) * 2 * REACH;
    }
    const pictures = model.decode(codes, TILES * TILES), context = map.getContext("2d");
    const tile = context.createImageData(SIDE, SIDE);
    for (let i = 0; i < TILES * TILES; i++) {
      for (let p = 0; p < SIDE * SIDE; p++) tile.data.fill(255 * pictures[i * SIDE * SIDE + p], 4 * p, 4 * p + 3);
      for (let p = 3; p < tile.data.length; p += 4) tile.data[p] = 255;
      context.putImageData(tile, (i % TILES) * SIDE, Math.floor(i / TILES) * SIDE);
    }
  }

  function update() {
    const z = sliders.map(({ value }) => value);
    const picture = model.decode(Float32Array.from(z), 1);
    sheet.paint(picture, 1);
    const far = Math.hypot(...z);
    const where = far > RING ? "outside the ring" : "inside the ring";
    const nearest = model.nearest(z);
    const place = `z = (${z.map((v) => v.toFixed(2)).join(", ")})`.replaceAll("-", "−");
    say.textContent = `${place}, ${where}. The nearest code of a test picture is a ${nearest}.`;
    sheet.label = `What the decoder draws at ${place}`;
    plane.label = `The plane of the code with a mark at ${place}`;
    plane.refresh();
    root.shown = { z, pictures: picture };
  }

  function drawPlane(plot) {
    const c = plot.context, left = plot.x(-REACH), top = plot.y(REACH);
    const wide = plot.x(REACH) - left, tall = plot.y(-REACH) - top;
    if (behind.value === "map") {
      c.drawImage(map, left, top, wide, tall);
    } else {
      model.labels.forEach((label, i) => {
        const style = { name: ["vae", "mark", "vaegan", "autoencoder", "ink"][label % 5], align: "center", size: 10 };
        plot.text(model.glyphs[label], model.codes[2 * i], model.codes[2 * i + 1], style);
      });
    }
    const ring = Array.from({ length: 91 }, (_, i) => (i / 45) * Math.PI).map((a) => [RING * Math.cos(a), RING * Math.sin(a)]);
    plot.line(ring, { name: behind.value === "map" ? "gan" : "data", dash: [6, 4] });
    plot.dot(...sliders.map(({ value }) => value), { radius: 9 });
  }

  drawMap();
  update();
  root.frames += 1;
}

async function opened(name) {
  const { config, tensors } = await load(`pad_${name}`);
  const run = network(tensors, config.decoder), offset = tensors.output_offset.data;
  const codes = tensors.codes.data, labels = tensors.labels.data;
  const words = name === "fashion_mnist" ? GARMENTS : Array.from({ length: 10 }, (_, i) => String(i));
  return {
    codes, labels,
    glyphs: words.map((word) => word[0].toUpperCase()),
    decode: (z, n) => run(z, n).map((v, i) => sigmoid(v + offset[i % offset.length])),
    nearest([x, y]) {
      let best = 0, least = Infinity;
      for (let i = 0; i < labels.length; i++) {
        const far = (codes[2 * i] - x) ** 2 + (codes[2 * i + 1] - y) ** 2;
        if (far < least) [least, best] = [far, i];
      }
      return words[labels[best]];
    },
  };
}
