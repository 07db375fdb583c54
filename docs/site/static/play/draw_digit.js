// Draw a digit: its q(z|x) moves over a map of two numbers while you draw, with what the drawing costs in nats.

import { Plot, Sheet } from "./draw.js";
import { drawClasses } from "./classes.js";
import { button, drag, eachFrame, figure, layOut, make, menu, slider } from "./controls.js";
import { sigmoid } from "./layers.js";
import { OneModel, distortionOf, klOf } from "./one_model.js";
import { SIDE, drawings, picture } from "./strokes.js";
import { load, normals } from "./weights.js";

const SIZES = [2, 16], DRAWS = 16; // numbers of the code; draws of z for each price, as tools/drawing_numbers.py made
const REACH = 3.6, OWN = "your own", PIXELS = 24; // of the map; of the pad, for the width of the pen on it
const GLASS = [-3.5, -1.7], LARGER = 5; // a window of the map, both ways, that shows the Gaussian enlarged
const SEEN = "What the model sees, rebuilt from 2 numbers, from 16. As in MNIST, ink fills a square of 20 pixels, and its " +
  "center of mass lies in the middle of 28; the pen keeps its width.";
const circle = Array.from({ length: 73 }, (_, i) => [Math.cos((i * Math.PI) / 36), Math.sin((i * Math.PI) / 36)]);

export default async function explore(root) {
  const [file, { config, tensors }] = await Promise.all([load("one_model_mnist"), load("drawing")]);
  const models = SIZES.map((k) => new OneModel(file).at(1, k));
  const noise = SIZES.map((k) => normals(DRAWS * k, k));
  const presets = drawings();
  const { controls, stage, aside, say } = layOut(root);
  const ask = eachFrame(root, update);
  let strokes = [], down = false, place = null;

  const choice = menu(controls, {
    label: "begin with", options: [[OWN, null], ...presets], value: presets[2][1],
    onInput: (chosen) => begin(chosen ?? []),
  });
  const pen = slider(controls, { label: "pen, pixels", min: 1, max: 6, step: 0.2, value: 2.4, show: (v) => v.toFixed(1), onInput: ask });
  const turn = slider(controls, { label: "turn", min: -180, max: 180, step: 5, value: 0, show: (v) => `${v}°`.replace("-", "−"), onInput: ask });
  button(controls, "Undo", () => {
    strokes = strokes.slice(0, -1);
    ask();
  });
  button(controls, "Clear", () => begin([]));

  const pad = new Plot(figure(stage, "Draw here, with mouse or finger"),
    { label: "", x: [0, 1], y: [0, 1], square: true, ticks: false }, drawPad);
  pad.canvas.classList.add("explorer-draw");
  const sheet = new Sheet(figure(stage, SEEN),
    { label: "", side: SIDE, columns: 3, gap: 2 });
  const map = new Plot(figure(aside, "q(z|x) of your drawing (1 and 2 σ) among means of test digits; in the window larger"),
    { label: "", x: [-REACH, REACH], y: [-REACH, REACH], square: true, left: 30 }, drawMap);
  const table = make("table", { class: "explorer-table" });
  aside.append(table);

  drag(pad.canvas, (x, y) => {
    const { left, top, inside: [wide, tall] } = pad;
    const across = Math.min(1, Math.max(0, (x - left) / wide)) - 0.5, below = Math.min(1, Math.max(0, (y - top) / tall)) - 0.5;
    const angle = (turn.value * Math.PI) / 180, [cos, sin] = [Math.cos(angle), Math.sin(angle)]; // the pad is turned, too
    place.push([cos * across + sin * below + 0.5, cos * below - sin * across + 0.5]);
    ask();
  });
  // Before drag's own listener, which tells the first point: a new stroke.
  pad.canvas.addEventListener("pointerdown", () => {
    place = [];
    strokes = [...strokes, place];
    down = true;
    choice.select.value = 0;
  }, { capture: true });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.canvas.addEventListener(end, () => {
      down = false;
      ask();
    });
  }

  function begin(drawing) {
    strokes = drawing;
    if (!drawing.length) choice.select.value = 0;
    ask();
  }

  /** What a picture costs a model, a mean over draws of z, and what it is rebuilt as. */
  function price(model, eps, image) {
    const { k, latent, pixels } = model, { mean, logVar } = model.encode(image, 1);
    const codes = new Float32Array((DRAWS + 1) * latent);
    codes.set(mean);
    let rate = 0, distortion = 0;
    for (let j = 0; j < k; j++) {
      rate += klOf(mean[j], logVar[j]);
      const sigma = Math.exp(logVar[j] / 2);
      for (let d = 0; d < DRAWS; d++) codes[(d + 1) * latent + j] = mean[j] + sigma * eps[d * k + j];
    }
    const logits = model.decode(codes, DRAWS + 1), copies = new Float32Array(logits.length);
    for (let d = 0; d <= DRAWS; d++) copies.set(image, d * pixels);
    for (let d = 1; d <= DRAWS; d++) distortion += distortionOf(logits, copies, d * pixels, pixels) / DRAWS;
    const { percentiles, limit } = config.sizes[k], total = rate + distortion;
    const dearer = percentiles.filter((value) => value < total).length; // of 101, the first is the cheapest digit
    const share = Math.max(0, Math.min(99, dearer - 1));
    return { k, mean, logVar, rate, distortion, total, share, odd: total > limit, rebuilt: logits.subarray(0, pixels).map(sigmoid) };
  }

  function update() {
    const image = picture(strokes, { pen: pen.value, turn: turn.value }), drawn = strokes.length > 0;
    const found = models.map((model, i) => price(model, noise[i], image));
    sheet.paint(image, 1, 0);
    found.forEach(({ rebuilt }, i) => sheet.paint(rebuilt, 1, i + 1));
    // Numbers that change while the hand moves are not read aloud until it rests.
    say.setAttribute("aria-live", down ? "off" : "polite");
    const told = found.map(({ k, total, share, odd }) => {
      const price = `With ${k} numbers: ${total.toFixed(0)} nats, more than ${share} % of test digits`;
      return odd ? `${price}: this is no digit to the model.` : `${price}.`;
    });
    say.textContent = drawn ? told.join(" ") : "Nothing is drawn yet.";
    cells.forEach((own, i) => own.forEach((cell, j) => {
      cell.textContent = drawn ? found[i][PARTS[j]].toFixed(1) : "–";
    }));
    root.shown = { image, found, drawn };
    sheet.label = drawn ? "Your drawing in 28 by 28 pixels, and what the models make of its code" : "An empty picture, and what the models make of it";
    const [x, y] = found[0].mean, at = `(${x.toFixed(1)}, ${y.toFixed(1)})`.replaceAll("-", "−");
    map.label = drawn ? `The code of your drawing is a Gaussian around ${at}, among those of test digits` : "Codes of test digits";
    pad.label = `A pad to draw on, with ${strokes.length} strokes; the menu "begin with" holds drawings for the keyboard`;
    pad.refresh();
    map.refresh();
  }

  const PARTS = ["distortion", "rate", "total"];
  const cells = SIZES.map(() => PARTS.map(() => make("td")));
  const row = (name, entries) => make("tr", {}, make("th", { scope: "row", text: name }), ...entries);
  const heads = ["distortion", "rate", "−ELBO"].map((text) => make("th", { scope: "col", text }));
  table.append(
    make("caption", { text: `Nats, and the median of ${config.examples.toLocaleString("en")} test digits` }),
    make("tr", {}, make("td"), ...heads),
    ...SIZES.flatMap((k, i) => [
      row(`${k} numbers`, cells[i]),
      row("a test digit", PARTS.map((part) => make("td", { text: config.sizes[k][part].toFixed(1) }))),
    ]));

  function drawPad(plot) {
    const c = plot.context, [wide, tall] = plot.inside;
    c.fillStyle = "#000";
    c.fillRect(plot.left, plot.top, wide, tall);
    c.strokeStyle = "#fff";
    c.lineCap = c.lineJoin = "round";
    c.lineWidth = (pen.value / PIXELS) * wide;
    c.save();
    c.beginPath();
    c.rect(plot.left, plot.top, wide, tall);
    c.clip();
    c.translate(plot.left + wide / 2, plot.top + tall / 2);
    c.rotate((turn.value * Math.PI) / 180);
    for (const stroke of strokes) {
      c.beginPath();
      for (const [x, y] of stroke) c.lineTo((x - 0.5) * wide, (y - 0.5) * tall);
      if (stroke.length === 1) c.lineTo((stroke[0][0] - 0.5) * wide + 0.1, (stroke[0][1] - 0.5) * tall);
      c.stroke();
    }
    c.restore();
  }

  // The test digits stand still, so they are drawn anew only when size or theme change.
  const still = document.createElement("canvas");
  let drawnFor = "";
  function drawStill(plot) {
    const { width, height } = plot.canvas, paper = plot.color("paper"), c = plot.context;
    if (drawnFor === `${width} ${height} ${paper}`) return;
    drawnFor = `${width} ${height} ${paper}`;
    drawClasses(plot, tensors.codes.data, tensors.labels.data, 4);
    Object.assign(still, { width, height });
    still.getContext("2d").drawImage(c.canvas, 0, 0);
  }

  function drawMap(plot) {
    drawStill(plot);
    const c = plot.context;
    c.save();
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, still.width, still.height);
    c.drawImage(still, 0, 0);
    c.restore();
    const shown = root.shown;
    if (!shown?.drawn) return;
    const { mean: [x, y], logVar } = shown.found[0], sigma = [logVar[0], logVar[1]].map((v) => Math.exp(v / 2));
    const rings = (cx, cy, scale) => [2, 1].forEach((times) => {
      const ring = circle.map(([a, b]) => [cx + times * scale * sigma[0] * a, cy + times * scale * sigma[1] * b]);
      plot.line(ring, { name: "mark", width: 0, fill: 0.25 });
      plot.line(ring, { name: "mark", width: 1.5, close: true });
    });
    rings(x, y, 1);
    const [left, right] = GLASS, middle = (left + right) / 2, box = [[left, left], [right, left], [right, right], [left, right]];
    plot.line(box, { name: "paper", width: 0, fill: 1, close: true });
    plot.line(box, { name: "line", width: 1, close: true });
    c.save();
    c.beginPath();
    c.rect(plot.x(left), plot.y(right), plot.x(right) - plot.x(left), plot.y(left) - plot.y(right));
    c.clip();
    rings(middle, middle, LARGER);
    c.restore();
    plot.text(`× ${LARGER}`, middle, left, { align: "center", size: 12, dy: -9 });
    for (const cross of [[[-REACH, y], [x - 3 * sigma[0], y]], [[x, -REACH], [x, y - 3 * sigma[1]]]]) {
      plot.line(cross, { name: "mark", width: 1, dash: [4, 4] });
    }
  }

  begin(presets[2][1]);
}
