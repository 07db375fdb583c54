// Layers of networks on plain arrays. Maps are stored place by place with their channels side by side, (n, height,
// width, channels), so that every layer is one product of matrices. Weights are those of PyTorch, put in this order.

/** Y (n, m) = X (n, k) · W (m, k)ᵀ + bias (m). Four rows meet four rows at a time: several times as fast as one. */
export function product(X, n, k, W, m, bias, Y = new Float32Array(n * m)) {
  let a = 0;
  for (; a + 3 < n; a += 4) {
    const x0 = a * k, x1 = x0 + k, x2 = x1 + k, x3 = x2 + k;
    let o = 0;
    for (; o + 3 < m; o += 4) {
      const w0 = o * k, w1 = w0 + k, w2 = w1 + k, w3 = w2 + k;
      let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
      let c0 = 0, c1 = 0, c2 = 0, c3 = 0, d0 = 0, d1 = 0, d2 = 0, d3 = 0;
      for (let j = 0; j < k; j++) {
        const p = X[x0 + j], q = X[x1 + j], r = X[x2 + j], s = X[x3 + j];
        let v = W[w0 + j];
        a0 += v * p; b0 += v * q; c0 += v * r; d0 += v * s;
        v = W[w1 + j];
        a1 += v * p; b1 += v * q; c1 += v * r; d1 += v * s;
        v = W[w2 + j];
        a2 += v * p; b2 += v * q; c2 += v * r; d2 += v * s;
        v = W[w3 + j];
        a3 += v * p; b3 += v * q; c3 += v * r; d3 += v * s;
      }
      let y = a * m + o;
      Y[y] = a0; Y[y + 1] = a1; Y[y + 2] = a2; Y[y + 3] = a3; y += m;
      Y[y] = b0; Y[y + 1] = b1; Y[y + 2] = b2; Y[y + 3] = b3; y += m;
      Y[y] = c0; Y[y + 1] = c1; Y[y + 2] = c2; Y[y + 3] = c3; y += m;
      Y[y] = d0; Y[y + 1] = d1; Y[y + 2] = d2; Y[y + 3] = d3;
    }
    for (; o < m; o++) for (let i = a; i < a + 4; i++) Y[i * m + o] = dot(X, i * k, W, o * k, k);
  }
  for (; a < n; a++) for (let o = 0; o < m; o++) Y[a * m + o] = dot(X, a * k, W, o * k, k);
  if (bias) for (let i = 0, o = 0; i < n * m; i++, o = o + 1 === m ? 0 : o + 1) Y[i] += bias[o];
  return Y;
}

function dot(X, x, W, w, k) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, j = 0;
  for (; j + 3 < k; j += 4) {
    s0 += X[x + j] * W[w + j];
    s1 += X[x + j + 1] * W[w + j + 1];
    s2 += X[x + j + 2] * W[w + j + 2];
    s3 += X[x + j + 3] * W[w + j + 3];
  }
  for (; j < k; j++) s0 += X[x + j] * W[w + j];
  return s0 + s1 + s2 + s3;
}

export const sigmoid = (x) => 1 / (1 + Math.exp(-x));
export const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

function erf(x) { // Abramowitz & Stegun 7.1.26: within 1.5e-7
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

// The exact GELU at 2,049 places of [-8, 8], between them straight lines: within 6e-6, and ten times as fast.
const GELU = Float64Array.from({ length: 2050 }, (_, i) => {
  const x = i / 128 - 8;
  return 0.5 * x * (1 + erf(x * Math.SQRT1_2));
});

const ACTIVATIONS = {
  gelu(X) {
    for (let i = 0; i < X.length; i++) {
      const x = X[i];
      if (x >= 8) continue;
      const place = (x + 8) * 128;
      const below = Math.floor(place);
      X[i] = x <= -8 ? 0 : GELU[below] + (place - below) * (GELU[below + 1] - GELU[below]);
    }
  },
  silu(X) { for (let i = 0; i < X.length; i++) X[i] *= sigmoid(X[i]); },
  relu(X) { for (let i = 0; i < X.length; i++) if (X[i] < 0) X[i] = 0; },
  tanh(X) { for (let i = 0; i < X.length; i++) X[i] = Math.tanh(X[i]); },
  sigmoid(X) { for (let i = 0; i < X.length; i++) X[i] = sigmoid(X[i]); },
};

/** Apply "gelu", "silu", "relu", "tanh" or "sigmoid" to an array, in its place. */
export function activate(name, X) {
  ACTIVATIONS[name](X);
  return X;
}

/** What nn.Linear holds under `name`: run(X, n) → (n, out). `places`: the output is (channels, places), to be turned. */
export function linear(tensors, name, places = 1) {
  const { data, shape: [out, k] } = tensors[`${name}.weight`];
  const bias = tensors[`${name}.bias`]?.data;
  const W = places > 1 ? turned(data, out / places, places, k) : data;
  const b = places > 1 && bias ? turned(bias, out / places, places, 1) : bias;
  return { out, run: (X, n) => product(X, n, k, W, out, b) };
}

/** nn.Linear after nn.Flatten of a map of so many places: its columns are put in this file's order. */
function flat(tensors, name, places) {
  const { data, shape: [out, k] } = tensors[`${name}.weight`];
  const W = new Float32Array(data.length);
  for (let o = 0; o < out; o++) W.set(turned(data.subarray(o * k, (o + 1) * k), k / places, places), o * k);
  return (X, n) => product(X, n, k, W, out, tensors[`${name}.bias`].data);
}

/** (channels, places, depth) → (places, channels, depth): PyTorch's order of a map into that of this file. */
export function turned(data, channels, places, depth = 1) {
  const out = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < places; p++) {
      for (let d = 0; d < depth; d++) out[(p * channels + c) * depth + d] = data[(c * places + p) * depth + d];
    }
  }
  return out;
}

/** nn.Conv2d with a square kernel: run(X, n, side) → (n, side after it, …, out). */
export function convolution(tensors, name, stride, padding) {
  const { data, shape: [out, c, kernel] } = tensors[`${name}.weight`];
  const bias = tensors[`${name}.bias`].data;
  const taps = kernel * kernel;
  const W = new Float32Array(data.length); // (out, taps, c)
  for (let o = 0; o < out; o++) W.set(turned(data.subarray(o * c * taps, (o + 1) * c * taps), c, taps), o * c * taps);
  const run = (X, n, side) => {
    const after = Math.floor((side + 2 * padding - kernel) / stride) + 1;
    const seen = new Float32Array(n * after * after * taps * c);
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let y = 0; y < after; y++) {
        for (let x = 0; x < after; x++) {
          for (let ky = 0; ky < kernel; ky++) {
            const row = y * stride + ky - padding;
            for (let kx = 0; kx < kernel; kx++, at += c) {
              const column = x * stride + kx - padding;
              if (row < 0 || row >= side || column < 0 || column >= side) continue;
              const from = ((i * side + row) * side + column) * c;
              for (let j = 0; j < c; j++) seen[at + j] = X[from + j];
            }
          }
        }
      }
    }
    return product(seen, n * after * after, taps * c, W, out, bias);
  };
  return { out, run };
}

/** nn.ConvTranspose2d(4, stride=2, padding=1), which doubles the side: run(X, n, side) → (n, 2·side, 2·side, out). */
export function doubling(tensors, name) {
  const { data, shape: [c, out] } = tensors[`${name}.weight`];
  const bias = tensors[`${name}.bias`].data;
  const W = new Float32Array(data.length); // (16 taps, out, c)
  for (let j = 0; j < c; j++) {
    for (let o = 0; o < out; o++) {
      for (let t = 0; t < 16; t++) W[(t * out + o) * c + j] = data[(j * out + o) * 16 + t];
    }
  }
  const run = (X, n, side) => {
    const parts = product(X, n * side * side, c, W, 16 * out);
    const large = 2 * side;
    const Y = new Float32Array(n * large * large * out);
    for (let i = 0; i < Y.length; i += out) Y.set(bias, i);
    for (let p = 0, at = 0; p < n * side * side; p++) {
      const i = Math.floor(p / (side * side)), y = Math.floor(p / side) % side, x = p % side;
      for (let t = 0; t < 16; t++, at += out) {
        const row = 2 * y - 1 + (t >> 2), column = 2 * x - 1 + (t & 3);
        if (row < 0 || row >= large || column < 0 || column >= large) continue;
        const to = ((i * large + row) * large + column) * out;
        for (let o = 0; o < out; o++) Y[to + o] += parts[at + o];
      }
    }
    return Y;
  };
  return { out, run };
}

/** nn.GroupNorm(groups, channels) of (n, places, channels), in its place. */
export function groupNorm(tensors, name, groups) {
  const gain = tensors[`${name}.weight`].data, bias = tensors[`${name}.bias`].data;
  const c = gain.length, wide = c / groups;
  return (X, n) => {
    const places = X.length / (n * c);
    for (let i = 0; i < n; i++) {
      for (let g = 0; g < groups; g++) {
        let sum = 0, squares = 0;
        for (let p = 0; p < places; p++) {
          for (let j = 0, at = (i * places + p) * c + g * wide; j < wide; j++, at++) {
            sum += X[at];
            squares += X[at] * X[at];
          }
        }
        const mean = sum / (places * wide);
        const scale = 1 / Math.sqrt(squares / (places * wide) - mean * mean + 1e-5);
        for (let p = 0; p < places; p++) {
          for (let j = g * wide, at = (i * places + p) * c + j; j < (g + 1) * wide; j++, at++) {
            X[at] = (X[at] - mean) * scale * gain[j] + bias[j];
          }
        }
      }
    }
    return X;
  };
}

/** A network by the list of its layers, which tools/explorers.py writes: run(X, n) → (n, out) or (n, places, channels). */
export function network(tensors, layers) {
  let side = 1;
  const steps = layers.map(([kind, name, option]) => {
    if (kind === "linear") {
      const layer = linear(tensors, name, option ?? 1);
      side = Math.sqrt(option ?? 1);
      return layer.run;
    }
    if (kind === "flat") return flat(tensors, name, option);
    if (kind === "double") {
      const layer = doubling(tensors, name), before = side;
      side *= 2;
      return (X, n) => layer.run(X, n, before);
    }
    if (kind === "halve") {
      const layer = convolution(tensors, name, 2, 1), before = (side = side > 1 ? side : option);
      side = Math.floor(side / 2);
      return (X, n) => layer.run(X, n, before);
    }
    if (kind === "gain") {
      const gain = tensors[name].data;
      return (X) => X.map((v, i) => v * gain[i % gain.length]);
    }
    if (kind === "norm") return groupNorm(tensors, name, option);
    return (X) => activate(kind, X);
  });
  return (X, n) => steps.reduce((out, step) => step(out, n), X);
}
