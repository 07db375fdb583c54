// Codes of digits on a map: a color for each class, and the digit itself where its class has its middle.

const SHADES = ["#4e79a7", "#f28e2b", "#d4494c", "#4fa3a0", "#4c9a43", "#c9a227", "#a06a96", "#f0808c", "#94694f", "#8a8f98"];

/** Points of `codes` (n, 2), `size` pixels wide, into a Plot; what lies beyond its axes is drawn at their end. */
export function drawClasses(plot, codes, labels, size) {
  const c = plot.context, within = (value, [low, high]) => Math.max(low, Math.min(high, value));
  const middles = SHADES.map((shade, label) => {
    const xs = [], ys = [];
    c.fillStyle = shade;
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] !== label) continue;
      const x = within(codes[2 * i], plot.xRange), y = within(codes[2 * i + 1], plot.yRange);
      c.fillRect(plot.x(x) - size / 2, plot.y(y) - size / 2, size, size);
      xs.push(x);
      ys.push(y);
    }
    return [xs, ys].map((values) => Float32Array.from(values).sort()[values.length >> 1]);
  });
  c.lineWidth = 4;
  middles.forEach(([x, y], label) => {
    c.font = "600 17px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.strokeStyle = plot.color("paper");
    c.strokeText(label, plot.x(x), plot.y(y));
    plot.text(label, x, y, { align: "center", size: 17, bold: true });
  });
}
