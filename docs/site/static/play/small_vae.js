// A small VAE that learns: forward, backward and Adam written out on plain typed arrays; no page, no library.
//
// The same as the course's VAE (vae_course/models/vae.py): fully connected layers with ReLU between them, the
// encoder sees x − mean picture and puts out μ and log σ² (bounded to ±15), the decoder adds the mean picture's
// logits, pixels are Bernoulli. All weights lie in one array, in PyTorch's order: for each layer of encoder and
// decoder the weight (out × in), then the bias. tests/test_site_train.py compares terms and gradients.

import { sigmoid, softplus } from "./layers.js";

const LIMIT = 15; // of log σ²
const [BETA1, BETA2, EPSILON] = [0.9, 0.999, 1e-8]; // Adam's usual

// Both walk through blocks of four rows and two outputs, so that what is read once is used several times: rows
// and outputs must be multiples of those.

// out[rows × O] = x[rows × I] · wᵀ + b
function linear(w, b, x, out, rows, I, O) {
  for (let r = 0; r < rows; r += 4) {
    const p = r * I, q = p + I, s = q + I, t = s + I;
    for (let o = 0; o < O; o += 2) {
      const k = o * I, l = k + I;
      let a0 = b[o], a1 = a0, a2 = a0, a3 = a0;
      let c0 = b[o + 1], c1 = c0, c2 = c0, c3 = c0;
      for (let i = 0; i < I; i++) {
        const u = w[k + i], v = w[l + i], x0 = x[p + i], x1 = x[q + i], x2 = x[s + i], x3 = x[t + i];
        a0 += u * x0;
        a1 += u * x1;
        a2 += u * x2;
        a3 += u * x3;
        c0 += v * x0;
        c1 += v * x1;
        c2 += v * x2;
        c3 += v * x3;
      }
      const e = r * O + o, f = e + O, g = f + O, h = g + O;
      [out[e], out[f], out[g], out[h]] = [a0, a1, a2, a3];
      [out[e + 1], out[f + 1], out[g + 1], out[h + 1]] = [c0, c1, c2, c3];
    }
  }
}

// From dout: adds to the gradients of w and b, and writes that of x (unless dx is null).
function linearBack(w, dw, db, x, dx, dout, rows, I, O) {
  if (dx) dx.fill(0, 0, rows * I);
  for (let r = 0; r < rows; r += 4) {
    const p = r * I, q = p + I, s = q + I, t = s + I;
    for (let o = 0; o < O; o += 2) {
      const k = o * I, l = k + I, e = r * O + o, f = e + O, g = f + O, h = g + O;
      const d0 = dout[e], d1 = dout[f], d2 = dout[g], d3 = dout[h];
      const e0 = dout[e + 1], e1 = dout[f + 1], e2 = dout[g + 1], e3 = dout[h + 1];
      db[o] += d0 + d1 + d2 + d3;
      db[o + 1] += e0 + e1 + e2 + e3;
      for (let i = 0; i < I; i++) {
        const x0 = x[p + i], x1 = x[q + i], x2 = x[s + i], x3 = x[t + i];
        dw[k + i] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3;
        dw[l + i] += e0 * x0 + e1 * x1 + e2 * x2 + e3 * x3;
      }
      if (!dx) continue;
      for (let i = 0; i < I; i++) {
        const u = w[k + i], v = w[l + i];
        dx[p + i] += d0 * u + e0 * v;
        dx[q + i] += d1 * u + e1 * v;
        dx[s + i] += d2 * u + e2 * v;
        dx[t + i] += d3 * u + e3 * v;
      }
    }
  }
}

function relu(a, size) {
  for (let i = 0; i < size; i++) if (a[i] < 0) a[i] = 0;
}

function reluBack(d, a, size) {
  for (let i = 0; i < size; i++) if (a[i] <= 0) d[i] = 0; // a: what relu left, so the same sign as before
}

const fours = (n) => (n + 3) & ~3; // rows that are computed for n pictures; those beyond n are 0

// Random numbers that are the same in every browser (mulberry32), and normal ones from them (Box and Muller).
export function generator(seed) {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const shuffled = (n) => {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };
  return { uniform, normal, shuffled };
}

export class SmallVAE {
  // mean: the mean picture, inside (0, 1); hidden: even widths of the encoder's layers, which the decoder mirrors.
  constructor(mean, code, hidden = [128, 64]) {
    const pixels = mean.length;
    this.pixels = pixels;
    this.code = code;
    this.mean = Float64Array.from(mean);
    this.offset = this.mean.map((m) => Math.log(m / (1 - m)));
    const encoder = [pixels, ...hidden, 2 * code], decoder = [code, ...hidden.toReversed(), pixels];
    this.depth = hidden.length + 1;
    this.layers = [];
    let at = 0;
    for (const sizes of [encoder, decoder]) {
      for (let i = 0; i + 1 < sizes.length; i++) {
        const [I, O] = [sizes[i], sizes[i + 1]];
        this.layers.push({ I, O, w: at, b: at + I * O });
        at += (I + 1) * O;
      }
    }
    this.weights = new Float64Array(at);
    this.gradient = new Float64Array(at);
    this.first = new Float64Array(at); // Adam's moving averages: of the gradient …
    this.second = new Float64Array(at); // … and of its square
    this.updates = 0;
    this.room = 0;
    for (const layer of this.layers) {
      for (const [name, of] of [["W", this.weights], ["G", this.gradient]]) {
        layer[name] = of.subarray(layer.w, layer.b);
        layer[`${name}b`] = of.subarray(layer.b, layer.b + layer.O);
      }
    }
  }

  // Weights as PyTorch's linear layers begin: uniform, within 1 / √inputs.
  begin(random) {
    for (const { I, O, w } of this.layers) {
      const bound = 1 / Math.sqrt(I);
      for (let i = 0; i < (I + 1) * O; i++) this.weights[w + i] = (2 * random.uniform() - 1) * bound;
    }
    this.first.fill(0);
    this.second.fill(0);
    this.updates = 0;
  }

  // Room for what n pictures need on the way; kept from call to call.
  reserve(pictures) {
    const n = fours(pictures);
    if (n <= this.room) return;
    this.room = n;
    for (const layer of this.layers) {
      layer.out = new Float64Array(n * layer.O);
      layer.dout = new Float64Array(n * layer.O);
    }
    this.input = new Float64Array(n * this.pixels);
    for (const name of ["mu", "logVar", "sigma", "z", "dz", "kl"]) this[name] = new Float64Array(n * this.code);
    this.reconstruction = new Float64Array(n);
  }

  through(layers, x, n) {
    x.fill(0, n * layers[0].I, fours(n) * layers[0].I);
    layers.forEach(({ W, Wb, out, I, O }, i) => {
      linear(W, Wb, x, out, fours(n), I, O);
      if (i + 1 < layers.length) relu(out, fours(n) * O);
      x = out;
    });
    return x;
  }

  // μ, log σ² and the KL of each unit for n pictures x (values in [0, 1]).
  encode(x, n) {
    this.reserve(n);
    const { pixels, code, mean, input } = this;
    for (let i = 0; i < n * pixels; i++) input[i] = x[i] - mean[i % pixels];
    const raw = this.through(this.layers.slice(0, this.depth), input, n);
    for (let r = 0; r < n; r++) {
      for (let j = 0; j < code; j++) {
        const at = r * code + j, mu = raw[2 * r * code + j];
        const logVar = LIMIT * Math.tanh(raw[(2 * r + 1) * code + j] / LIMIT);
        this.mu[at] = mu;
        this.logVar[at] = logVar;
        this.sigma[at] = Math.exp(0.5 * logVar);
        this.kl[at] = 0.5 * (mu * mu + Math.expm1(logVar) - logVar);
      }
    }
  }

  // Logits without the offset, n × pixels; in place, so use them before the next call.
  decode(z, n) {
    this.reserve(n);
    this.z.set(z.subarray(0, n * this.code));
    return this.through(this.layers.slice(this.depth), this.z, n);
  }

  // Pictures of n codes, in [0, 1].
  pictures(z, n) {
    const logits = this.decode(z, n);
    return Float32Array.from({ length: n * this.pixels }, (_, i) => sigmoid(logits[i] + this.offset[i % this.pixels]));
  }

  // Means of the terms in nats for n pictures and their noise (n × code): a sample of z each, the KL exact.
  forward(x, noise, n) {
    this.encode(x, n);
    const { pixels, code, offset, z, mu, sigma, kl } = this;
    for (let i = 0; i < n * code; i++) z[i] = mu[i] + sigma[i] * noise[i];
    const logits = this.decode(z, n), units = new Float64Array(code);
    let distortion = 0, rate = 0;
    for (let r = 0; r < n; r++) {
      let sum = 0;
      for (let i = 0, at = r * pixels; i < pixels; i++, at++) {
        const l = logits[at] + offset[i];
        sum += softplus(l) - x[at] * l;
      }
      this.reconstruction[r] = sum;
      distortion += sum / n;
      for (let j = 0; j < code; j++) units[j] += kl[r * code + j] / n;
    }
    for (const unit of units) rate += unit;
    return { distortion, rate, negativeElbo: distortion + rate, units };
  }

  // Fills this.gradient with that of the mean of distortion + β · rate; call it after forward with the same.
  backward(x, noise, n, beta) {
    const { pixels, code, offset, mu, logVar, sigma, dz, layers, depth } = this;
    this.gradient.fill(0);
    const { out, dout } = layers.at(-1), share = 1 / n;
    for (let at = 0; at < n * pixels; at++) dout[at] = (sigmoid(out[at] + offset[at % pixels]) - x[at]) * share;
    this.back(layers.slice(depth), this.z, dz, n);
    const raw = layers[depth - 1].dout;
    for (let r = 0; r < n; r++) {
      for (let j = 0; j < code; j++) {
        const at = r * code + j, bent = logVar[at] / LIMIT; // tanh of what the network put out
        const byLogVar = 0.5 * dz[at] * noise[at] * sigma[at] + 0.5 * beta * share * Math.expm1(logVar[at]);
        raw[2 * r * code + j] = dz[at] + beta * share * mu[at];
        raw[(2 * r + 1) * code + j] = byLogVar * (1 - bent * bent);
      }
    }
    this.back(layers.slice(0, depth), this.input, null, n);
  }

  back(layers, x, dx, n) {
    layers.at(-1).dout.fill(0, n * layers.at(-1).O, fours(n) * layers.at(-1).O);
    for (let i = layers.length - 1; i >= 0; i--) {
      const { W, G, Gb, dout, I, O } = layers[i], below = layers[i - 1];
      linearBack(W, G, Gb, below ? below.out : x, below ? below.dout : dx, dout, fours(n), I, O);
      if (below) reluBack(below.dout, below.out, fours(n) * below.O);
    }
  }

  // Adam (Kingma & Ba 2015), as torch.optim.Adam counts it.
  step(rate) {
    const { weights, gradient, first, second } = this;
    this.updates += 1;
    const size = rate / (1 - BETA1 ** this.updates), unbias = 1 / Math.sqrt(1 - BETA2 ** this.updates);
    for (let i = 0; i < weights.length; i++) {
      const g = gradient[i];
      first[i] = BETA1 * first[i] + (1 - BETA1) * g;
      second[i] = BETA2 * second[i] + (1 - BETA2) * g * g;
      weights[i] -= (size * first[i]) / (Math.sqrt(second[i]) * unbias + EPSILON);
    }
  }

  // One update on n pictures; gives the terms before it.
  update(x, noise, n, beta, rate) {
    const terms = this.forward(x, noise, n);
    this.backward(x, noise, n, beta);
    this.step(rate);
    return terms;
  }
}
