// Strokes of a pen, and how they become a picture such as MNIST's. No page: the tests call it beside PyTorch.

export const SIDE = 28, BOX = 20; // pixels of a picture; of the square in it that a digit fills

/**
 * A picture (28 × 28 grays in [0, 1], ink is 1) of strokes, each a list of [x, y] with y downwards, in any unit.
 *
 * As MNIST's were made: the ink is scaled, its shape kept, until it fills a square of 20 pixels, and moved until
 * its center of mass is the middle of 28. Otherwise than there, the pen is not scaled along: it is `pen` pixels
 * wide, with edges a pixel soft. `turn`: degrees, clockwise.
 */
export function picture(strokes, { pen = 2.4, turn = 0 } = {}) {
  const angle = (turn * Math.PI) / 180, cos = Math.cos(angle), sin = Math.sin(angle);
  const lines = strokes.filter((s) => s.length).map((s) => s.map(([x, y]) => [cos * x - sin * y, sin * x + cos * y]));
  const image = new Float32Array(SIDE * SIDE);
  if (!lines.length) return image;
  const points = lines.flat(), reach = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const size = Math.max(...reach.map(([low, high]) => high - low));
  const scale = size > 0 ? Math.max(1, BOX - pen) / size : 1;
  const middle = reach.map(([low, high]) => (low + high) / 2);
  const placed = (dx, dy) => lines.map((line) => {
    return line.map(([x, y]) => [(x - middle[0]) * scale + SIDE / 2 + dx, (y - middle[1]) * scale + SIDE / 2 + dy]);
  });
  ink(image, placed(0, 0), pen);
  const [x, y] = centerOfMass(image);
  image.fill(0);
  return ink(image, placed(SIDE / 2 - x, SIDE / 2 - y), pen);
}

/** Where the ink of a picture has its middle, in pixels from its left and upper edge. */
export function centerOfMass(image) {
  let mass = 0, x = 0, y = 0;
  for (let i = 0; i < image.length; i++) {
    mass += image[i];
    x += image[i] * ((i % SIDE) + 0.5);
    y += image[i] * (Math.floor(i / SIDE) + 0.5);
  }
  return mass ? [x / mass, y / mass] : [SIDE / 2, SIDE / 2];
}

/** A pixel is as dark as the pen comes near its middle. */
function ink(image, lines, pen) {
  const wide = pen / 2 + 0.5;
  for (const line of lines) {
    for (let i = 0; i < Math.max(1, line.length - 1); i++) {
      const [x0, y0] = line[i], [x1, y1] = line[Math.min(i + 1, line.length - 1)];
      const [dx, dy] = [x1 - x0, y1 - y0], length = dx * dx + dy * dy;
      const within = (low, high) => [Math.max(0, Math.floor(low - wide)), Math.min(SIDE - 1, Math.ceil(high + wide))];
      const [left, right] = within(Math.min(x0, x1), Math.max(x0, x1));
      const [top, bottom] = within(Math.min(y0, y1), Math.max(y0, y1));
      for (let row = top; row <= bottom; row++) {
        for (let column = left; column <= right; column++) {
          const px = column + 0.5 - x0, py = row + 0.5 - y0;
          const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
          const far = Math.hypot(px - along * dx, py - along * dy);
          const dark = Math.min(1, wide - far), at = row * SIDE + column;
          if (dark > image[at]) image[at] = dark;
        }
      }
    }
  }
  return image;
}

/** A smooth line through points (Catmull and Rom), eight steps between two. */
export function smooth(points) {
  const out = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b, c, d] = [points[Math.max(0, i - 1)], points[i], points[i + 1], points[Math.min(points.length - 1, i + 2)]];
    for (let step = 0; step < 8; step++) {
      const t = step / 8;
      out.push([0, 1].map((j) => {
        const curve = 2 * a[j] - 5 * b[j] + 4 * c[j] - d[j], end = 3 * b[j] - a[j] - 3 * c[j] + d[j];
        return 0.5 * (2 * b[j] + (c[j] - a[j]) * t + curve * t * t + end * t * t * t);
      }));
    }
  }
  out.push(points.at(-1));
  return out;
}

// Drawings to begin with, in hundredths of the pad: strokes between bars, points "x,y". A stroke with ~ is smoothed.
const DRAWINGS = {
  0: "~52,15 33,24 26,50 33,77 50,86 67,77 74,50 68,24 52,15",
  1: "40,28 54,14 54,86",
  2: "~29,33 36,18 53,14 68,24 66,42 48,63 30,82 | 30,83 72,83",
  3: "~31,22 48,14 65,22 64,38 47,47 | ~47,47 66,55 69,72 52,86 30,78",
  4: "58,14 27,60 76,60 | 60,38 60,88",
  5: "68,16 36,16 33,46 | ~33,46 52,41 68,52 68,71 52,85 30,79",
  6: "~63,14 44,28 32,54 33,76 49,87 66,77 66,60 50,52 34,62",
  7: "28,17 72,17 45,87",
  8: "~66,24 50,14 35,22 38,37 52,48 67,62 64,80 48,87 34,78 36,61 52,48 65,36 66,24",
  9: "~66,30 50,14 34,24 34,42 49,50 65,40 66,28 | 66,28 60,87",
  "a 7 with a bar": "28,17 72,17 45,87 | 36,50 66,50",
  "two digits": "20,28 30,16 30,84 | ~62,15 49,24 45,50 49,77 61,86 73,77 78,50 73,24 62,15",
  "a letter A": "24,88 50,14 76,88 | 34,62 66,62",
  "a house": "25,45 25,88 75,88 75,45 | 15,50 50,14 85,50 | 45,88 45,66 57,66 57,88",
  "a face": "~50,12 22,24 12,50 22,77 50,88 78,77 88,50 78,24 50,12 | 36,38 37,40 | 64,38 63,40 | ~30,58 42,71 58,71 70,58",
  "a shoe": "14,38 34,38 | ~34,38 52,56 80,60 88,72 | 88,72 88,80 14,80 14,38 | 14,70 87,70",
};

/** [name, strokes] of each drawing, in shares of the pad. */
export function drawings() {
  return Object.entries(DRAWINGS).map(([name, text]) => {
    const strokes = text.split(" | ").map((stroke) => {
      const points = stroke.replace("~", "").split(" ").map((pair) => pair.split(",").map((v) => v / 100));
      return stroke.startsWith("~") ? smooth(points) : points;
    });
    return [name, strokes];
  });
}
