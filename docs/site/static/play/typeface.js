// Design a typeface: sliders over the principal directions of style, the alphabet that comes of it, a word, and files.
// Letters are decoded a few in each frame, those of the word sooner, so that the page answers at once.

import { button, eachFrame, field, figure, layOut, make, save, slider } from "./controls.js";
import { LetterDecoder, SIDE } from "./letters.js";
import { outlines, pathOf } from "./outline.js";
import { load, normals } from "./weights.js";

const REACH = 4, BUDGET = 14; // standard deviations; milliseconds of a frame
const STEP = 28, HIGH = 28, APART = 3.2, ABOVE = 2; // pixels of a letter's picture: cell, row, between letters of a word
const SVG = "http://www.w3.org/2000/svg";
const ALPHABET = Array.from({ length: 26 }, (_, i) => String.fromCharCode(65 + i));

export default async function explore(root) {
  const file = await load("typeface"), decoder = new LetterDecoder(file);
  const { center, directions } = file.tensors, count = directions.shape[0];
  const { controls, stage, say } = layOut(root, { aside: false });
  const ask = eachFrame(root, update);
  const sliders = Array.from({ length: count }, (_, i) => {
    const show = (v) => v.toFixed(1).replace("-", "−");
    return slider(controls, { label: told(i), min: -REACH, max: REACH, step: 0.1, value: 0, show, onInput: changed });
  });
  const word = field(controls, { label: "your word", value: "GAUSS", maxLength: 12, onInput: retyped });
  let invented = 0, version = 1;
  button(controls, "Invent one", () => move(normals(count, (invented += 1)).map((v) => Math.max(-3, Math.min(3, v)))));
  button(controls, "Middle", () => move(new Float32Array(count)));
  button(controls, "Save SVG", () => save(`${typed() || "alphabet"}.svg`, sheet(), "image/svg+xml"));
  button(controls, "Save PNG", savePng);
  const large = figure(stage, "Your word"), small = figure(stage, "The whole alphabet in the same style");
  const shapes = new Map(ALPHABET.map((letter) => [letter, { path: "", version: 0, from: 0, to: 0, picture: null }]));

  /** What two steps either way do to ink and width, in a word, where they do much. */
  function told(i) {
    const [ink, width] = file.config.ways[i];
    const words = [ink >= 0.5 ? "bolder" : "", width >= 4 ? "wider" : ""].filter(Boolean).join(", ");
    return words ? `${i + 1}: ${words}` : `${i + 1}`;
  }

  const typed = () => word.value.toUpperCase().replace(/[^A-Z]/g, "");

  function style() {
    const z = center.data.slice(), k = z.length;
    sliders.forEach(({ value }, i) => { for (let j = 0; j < k; j++) z[j] += value * directions.data[i * k + j]; });
    return z;
  }

  function move(amounts) {
    sliders.forEach((one, i) => one.set(amounts[i].toFixed(1)));
    changed();
  }

  function changed() {
    version += 1;
    ask();
  }

  function retyped() {
    set();
    ask();
  }

  /** The letter that waits most; those of the word wait four times as much. */
  function next() {
    const here = typed();
    let best = null, most = 0;
    for (const [letter, shape] of shapes) {
      const waits = (version - shape.version) * (here.includes(letter) ? 4 : 1);
      if (waits > most) [best, most] = [letter, waits];
    }
    return best;
  }

  function update() {
    const until = performance.now() + BUDGET, z = style();
    let letter = next();
    while (letter && performance.now() < until) {
      const shape = shapes.get(letter);
      shape.picture = decoder.write(z, [letter.charCodeAt(0) - 65]);
      const closed = outlines(shape.picture, SIDE), across = closed.flat().map(([x]) => x);
      Object.assign(shape, { version, path: pathOf(closed), from: Math.min(...across, SIDE), to: Math.max(...across, 0) });
      for (const path of root.querySelectorAll(`path[data-letter=${letter}]`)) path.setAttribute("d", shape.path);
      letter = next();
    }
    setWord();
    const far = Math.hypot(...sliders.map(({ value }) => value));
    say.textContent = `${far.toFixed(1)} standard deviations from the middle of the training styles`;
    root.shown = { style: z, settled: !letter, picture: (name) => shapes.get(name).picture };
    if (letter) setTimeout(ask);
  }

  function drawn(letter, x, y) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", shapes.get(letter).path);
    path.setAttribute("transform", `translate(${x.toFixed(2)} ${y})`);
    path.dataset.letter = letter;
    return path;
  }

  function drawing(paths, wide, high, words) {
    const svg = document.createElementNS(SVG, "svg");
    const attributes = { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": words, "fill-rule": "evenodd" };
    for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
    svg.append(...paths);
    return svg;
  }

  function put(place, svg) {
    svg.setAttribute("class", "explorer-letters");
    place.querySelector("svg")?.remove();
    place.append(svg);
  }

  /** Letters of a word, each as wide as it is: [paths, width of all]. */
  function spaced(letters) {
    let x = 0;
    const paths = [...letters].map((letter) => {
      const { from, to } = shapes.get(letter), path = drawn(letter, x - from, -ABOVE);
      x += Math.max(0, to - from) + APART;
      return path;
    });
    return [paths, x - APART];
  }

  function setWord() {
    const letters = typed(), [paths, wide] = spaced(letters), whole = Math.max(5 * STEP, wide);
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("transform", `translate(${((whole - wide) / 2).toFixed(2)} 0)`);
    group.append(...paths);
    put(large, drawing([group], whole.toFixed(2), HIGH, `${letters || "nothing"}, written in this style`));
  }

  function set() {
    setWord();
    const per = root.clientWidth < 520 ? 7 : 13, rows = Math.ceil(26 / per);
    const paths = ALPHABET.map((letter, i) => drawn(letter, (i % per) * STEP - 2, Math.floor(i / per) * 30 - ABOVE));
    put(small, drawing(paths, per * STEP, rows * 30 - 2, "The letters A to Z in this style"));
  }

  /** A sheet with the word and the alphabet, as text of an SVG file. */
  function sheet() {
    const wide = 13 * STEP + 24, [paths, across] = spaced(typed());
    const scale = Math.min(2.5, (wide - 24) / Math.max(1, across));
    const title = document.createElementNS(SVG, "g");
    title.setAttribute("transform", `translate(12 10) scale(${scale})`);
    title.append(...paths);
    const from = paths.length ? 24 + HIGH * scale : 12;
    const rest = ALPHABET.map((letter, i) => drawn(letter, 10 + (i % 13) * STEP, from - ABOVE + 30 * Math.floor(i / 13)));
    const svg = drawing([title, ...rest], wide, from + 70, `A typeface: ${typed()}, and A to Z`);
    svg.setAttribute("width", 4 * wide);
    svg.setAttribute("height", 4 * (from + 70));
    return new XMLSerializer().serializeToString(svg);
  }

  function savePng() {
    const picture = new Image();
    picture.onload = () => {
      const canvas = make("canvas", { width: picture.width, height: picture.height }), context = canvas.getContext("2d");
      context.fillStyle = "white";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(picture, 0, 0);
      canvas.toBlob((blob) => save(`${typed() || "alphabet"}.png`, blob));
    };
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(sheet())}`;
  }

  new ResizeObserver(() => requestAnimationFrame(set)).observe(root);
  set();
  update();
  root.frames += 1;
}
