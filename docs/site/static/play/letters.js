// The decoder of vae_course.LetterVAE: a style and letters → pictures of 32 × 32.

import { activate, convolution, doubling, linear, sigmoid } from "./layers.js";

export const SIDE = 32;

export class LetterDecoder {
  constructor({ config, tensors }) {
    this.latent = config.latent;
    this.names = tensors["decoder.letter.weight"].data;
    this.offset = tensors.output_offset.data;
    this.first = linear(tensors, "decoder.first.0");
    this.start = linear(tensors, "decoder.start", 16);
    this.steps = [0, 1, 2].map((i) => ({
      modulate: linear(tensors, `decoder.blocks.${i}.modulate`),
      conv: convolution(tensors, `decoder.blocks.${i}.conv`, 1, 1),
      up: doubling(tensors, `decoder.up.${i}`),
    }));
  }

  /** Pictures (letters, 32 · 32) in [0, 1] of one style (latent); letters are 0 to 25. */
  write(style, letters) {
    const n = letters.length, k = this.latent, seen = new Float32Array(n * 2 * k);
    letters.forEach((letter, a) => {
      seen.set(style, a * 2 * k);
      seen.set(this.names.subarray(letter * k, (letter + 1) * k), a * 2 * k + k);
    });
    const how = activate("gelu", this.first.run(seen, n));
    let x = this.start.run(how, n), side = 4;
    for (const { modulate, conv, up } of this.steps) {
      const c = conv.out, both = modulate.run(how, n), places = side * side, moved = new Float32Array(x.length);
      for (let a = 0, at = 0; a < n; a++) {
        for (let p = 0; p < places; p++) {
          for (let j = 0; j < c; j++, at++) moved[at] = x[at] * (1 + both[2 * a * c + j]) + both[(2 * a + 1) * c + j];
        }
      }
      const around = conv.run(activate("gelu", moved), n, side);
      for (let i = 0; i < x.length; i++) x[i] += around[i];
      x = up.run(activate("gelu", x), n, side);
      side *= 2;
    }
    const pixels = SIDE * SIDE;
    return x.map((v, i) => sigmoid(v + this.offset[letters[Math.floor(i / pixels)] * pixels + (i % pixels)]));
  }
}
