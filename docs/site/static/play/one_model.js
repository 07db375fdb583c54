// vae_course.OneModel: a VAE for every β and latent size, folded into plain layers at one setting.

import { activate, product, sigmoid, softplus } from "./layers.js";

/** Weights of linear interpolation in log(value) between knots; the ends are continued. */
function hats(value, knots) {
  const t = Math.log(value), places = knots.map(Math.log), weights = knots.map(() => 0);
  let i = 1;
  while (i < places.length - 1 && t > places[i]) i++;
  const up = Math.min(1, Math.max(0, (t - places[i - 1]) / (places[i] - places[i - 1])));
  weights[i - 1] = 1 - up;
  weights[i] = up;
  return weights;
}

export class OneModel {
  /** `file`: what load("one_model_mnist") gives; `config` holds the knots and sizes. */
  constructor({ config, tensors }) {
    Object.assign(this, config); // latent, hidden, size_knots, beta_knots, beta_range
    this.tensors = tensors;
    this.pixels = tensors.input_mean.data.length;
    this.offset = tensors.output_offset.data;
  }

  /** Go to a setting. Everything after it is for that setting. */
  at(beta, k) {
    this.beta = beta;
    this.k = k;
    const banks = hats(k, this.size_knots), betas = hats(beta, this.beta_knots);
    const c = Float32Array.from(banks.flatMap((bank) => betas.map((weight) => bank * weight)));
    const last = this.hidden.length;
    this.encoder = this.hidden.concat(0).map((_, i) => this.layer(`encoder.${i}`, c, banks, i === last ? 4 : 1));
    this.decoder = this.hidden.concat(0).map((_, i) => this.layer(`decoder.${i}`, c, banks, 1));
    this.scale = this.gates("code_gate", c, 4);
    return this;
  }

  layer(name, c, banks, gain) {
    const { data, shape: [rows, width] } = this.tensors[`${name}.linear.weight`];
    const biases = this.tensors[`${name}.linear.bias`].data;
    const shift = this.tensors[`${name}.shift.weight`];
    const out = shift.shape[0];
    let W = data, bias = biases.slice(0, out);
    if (rows > out) { // a mixture of banks
      W = new Float32Array(out * width);
      bias = new Float32Array(out);
      banks.forEach((weight, bank) => {
        if (!weight) return;
        for (let i = 0, at = bank * out * width; i < out * width; i++, at++) W[i] += weight * data[at];
        for (let i = 0; i < out; i++) bias[i] += weight * biases[bank * out + i];
      });
    }
    product(c, 1, c.length, shift.data, out).forEach((v, i) => { bias[i] += v; });
    const gate = this.tensors[`${name}.gate.weight`] ? this.gates(`${name}.gate`, c, gain) : null;
    return { W, width, out, bias, gate };
  }

  gates(name, c, gain) {
    const { data, shape: [out] } = this.tensors[`${name}.weight`];
    const raw = product(c, 1, c.length, data, out, this.tensors[`${name}.bias`].data);
    return raw.map((v) => 2 * sigmoid(gain * v));
  }

  run(layers, X, n) {
    layers.forEach(({ W, width, out, bias, gate }, i) => {
      X = product(X, n, width, W, out, bias);
      if (i < layers.length - 1) activate("gelu", X);
      if (gate) for (let a = 0, at = 0; a < n; a++) for (let o = 0; o < out; o++, at++) X[at] *= gate[o];
    });
    return X;
  }

  /** n pictures (n, pixels) in [0, 1] → {mean, logVar}, each (n, latent); N(0, 1) from dimension k on. */
  encode(pictures, n) {
    const mean = new Float32Array(n * this.latent), logVar = new Float32Array(n * this.latent);
    const middle = this.tensors.input_mean.data;
    const raw = this.run(this.encoder, pictures.map((v, i) => v - middle[i % this.pixels]), n);
    for (let a = 0; a < n; a++) {
      for (let j = 0; j < this.k; j++) {
        mean[a * this.latent + j] = raw[2 * a * this.latent + j];
        logVar[a * this.latent + j] = bounded(raw[(2 * a + 1) * this.latent + j]);
      }
    }
    return { mean, logVar };
  }

  /** n codes (n, latent) → logits (n, pixels); what lies beyond k is ignored. */
  decode(z, n) {
    const kept = z.map((v, i) => (i % this.latent < this.k ? v * this.scale[i % this.latent] : 0));
    const out = this.run(this.decoder, kept, n);
    for (let i = 0; i < out.length; i++) out[i] += this.offset[i % this.pixels];
    return out;
  }
}

/** Keeps log σ² inside ±15, as the package does. */
export const bounded = (raw) => 15 * Math.tanh(raw / 15);

/** KL(q ‖ N(0, I)) of one dimension, nats. */
export const klOf = (mean, logVar) => 0.5 * (mean * mean + Math.exp(logVar) - 1 - logVar);

/** −log p(x|z) of a picture of grays in [0, 1] under logits, from `at` on: nats, Bernoulli. */
export function distortionOf(logits, pictures, at, pixels) {
  let sum = 0;
  for (let i = at; i < at + pixels; i++) sum += softplus(logits[i]) - pictures[i] * logits[i];
  return sum;
}
