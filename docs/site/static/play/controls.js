// What a reader touches: sliders, menus and buttons with names, and one update for each painted frame.

let number = 0;

/** An element with attributes and children; `text` is its text. */
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

/** Empty the place of an explorer and lay it out: {controls, stage, aside, say}. `aside: false` is one column, `pair` always two. */
export function layOut(root, { aside = true, pair = false } = {}) {
  const controls = make("div", { class: "explorer-controls" });
  const say = make("p", { class: "explorer-say", role: "status" });
  const stage = make("div", { class: "explorer-stage" });
  const side = make("div", { class: "explorer-aside" });
  const kind = pair ? "explorer-grid pair" : aside ? "explorer-grid" : "explorer-grid one";
  const grid = make("div", { class: kind }, stage, ...(aside ? [side] : []));
  root.replaceChildren(controls, say, grid);
  return { controls, stage, aside: side, say };
}

/** A figure with words above it; put canvases into what it gives. */
export function figure(into, words) {
  const place = make("figure", {}, make("figcaption", { text: words }));
  into.append(place);
  return place;
}

function named(into, words, control, ...more) {
  control.id = `explorer-${(number += 1)}`;
  const label = make("label", { for: control.id, text: words });
  const row = make("div", { class: "explorer-control" }, label, control, ...more);
  into.append(row);
  return row;
}

/** A slider. `show(value)`: its number in words. `onInput` is called while it moves. It has `value`, `set(value)`. */
export function slider(into, { label, min, max, step, value, show = String, onInput = () => {} }) {
  const input = make("input", { type: "range", min, max, step, value });
  const output = make("output");
  const row = named(into, label, input, output);
  output.setAttribute("for", input.id);
  const told = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    told();
    onInput(Number(input.value));
  });
  told();
  return {
    input,
    row,
    get value() {
      return Number(input.value);
    },
    set(to) {
      input.value = to;
      told();
    },
  };
}

/** A menu of [words, value] pairs; its `value` is that of the chosen pair. */
export function menu(into, { label, options, value, onInput = () => {} }) {
  const select = make("select", {}, ...options.map(([text], i) => make("option", { value: i, text })));
  select.value = Math.max(0, options.findIndex((option) => option[1] === value));
  const row = named(into, label, select);
  select.addEventListener("input", () => onInput(options[select.value][1]));
  return {
    select,
    row,
    get value() {
      return options[select.value][1];
    },
  };
}

/** A line to type in. */
export function field(into, { label, value = "", maxLength = 12, onInput = () => {} }) {
  const attributes = { type: "text", value, maxlength: maxLength, spellcheck: "false", autocomplete: "off" };
  const input = make("input", attributes);
  named(into, label, input);
  input.addEventListener("input", () => onInput(input.value));
  return input;
}

/** A button of a row; buttons made one after another stand beside each other. */
export function button(into, text, onClick) {
  const pressed = make("button", { type: "button", text });
  if (!into.lastElementChild?.classList.contains("explorer-buttons")) {
    into.append(make("div", { class: "explorer-buttons" }));
  }
  into.lastElementChild.append(pressed);
  pressed.addEventListener("click", onClick);
  return pressed;
}

/**
 * Gives `ask()`: run `update` before the next frame is painted, however often it is asked. `root.painted` is then the
 * time from the first asking to after the painting, in milliseconds, and `root.frames` counts.
 */
export function eachFrame(root, update) {
  let asked = 0;
  root.frames = 0;
  const painted = new MessageChannel(); // its message is handled after the frame is painted
  let from = 0;
  painted.port1.onmessage = () => {
    root.painted = performance.now() - from;
    root.frames += 1;
  };
  return () => {
    if (asked) return;
    asked = performance.now();
    requestAnimationFrame(() => {
      from = asked;
      asked = 0;
      update();
      painted.port2.postMessage(0);
    });
  };
}

/**
 * Parts of a picture that take long, such as the decoders of several models, spread over frames so that each is short:
 * `again()` makes all of them old, `some()`, in a frame, renews the oldest until `milliseconds` have passed, and tells
 * whether all are new.
 */
export function spread(parts, renew, milliseconds = 10) {
  let version = 0;
  const renewed = parts.map(() => 0);
  return {
    again() {
      version += 1;
    },
    some() {
      const until = performance.now() + milliseconds;
      while (Math.min(...renewed) < version && performance.now() < until) {
        const oldest = renewed.indexOf(Math.min(...renewed));
        renewed[oldest] = version;
        renew(parts[oldest], oldest);
      }
      return Math.min(...renewed) === version;
    },
  };
}

/** Save text or a blob as a file of the reader's. */
export function save(name, content, type) {
  const address = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Follow a pointer over an element while it is down: `move(x, y)` in CSS pixels. Touch does not scroll meanwhile. */
export function drag(element, move) {
  element.style.touchAction = "none";
  const told = (event) => {
    const box = element.getBoundingClientRect();
    move(event.clientX - box.left, event.clientY - box.top);
  };
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    told(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) told(event);
  });
}
