// Files that tools/explorer_files.py writes when the site is built: a head in JSON, then arrays, all of it gzipped.

const files = new Map();

/** The file `name` of the folder weights: {config, tensors}, each tensor {data, shape}. Loaded once. */
export function load(name) {
  if (!files.has(name)) files.set(name, whole(name));
  return files.get(name);
}

/** A file, and the tensors of the one beside it, which it shares with others. */
async function whole(name) {
  const { config, tensors } = await read(new URL(`weights/${name}.bin`, import.meta.url));
  const more = config.beside ? (await load(config.beside)).tensors : {};
  return { config, tensors: { ...more, ...tensors } };
}

async function read(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname} is not there (${answer.status})`);
  const plain = answer.body.pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(plain).arrayBuffer();
  const length = new DataView(bytes).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  const tensors = {};
  for (const [name, entry] of Object.entries(head.tensors)) {
    tensors[name] = { data: numbers(bytes, entry), shape: entry.shape };
  }
  return { config: head.config, tensors };
}

function numbers(bytes, { kind, shape, at, scale }) {
  const n = shape.reduce((a, b) => a * b, 1);
  if (kind === "f32") return new Float32Array(bytes, at, n);
  if (kind === "whole") return new Uint8Array(bytes, at, n);
  if (kind === "pixel") return Float32Array.from(new Uint8Array(bytes, at, n), (v) => v / 255);
  if (kind === "f16") return Float32Array.from(new Uint16Array(bytes, at, n), half);
  const out = Float32Array.from(new Int8Array(bytes, at, n)); // "i8": times a scale of each row
  const scales = new Float32Array(bytes, scale, shape[0]);
  const width = n / shape[0];
  for (let i = 0; i < n; i++) out[i] *= scales[Math.floor(i / width)];
  return out;
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const part = bits & 1023;
  if (exponent === 31) return part ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + part / 1024) : (sign * 2 ** -14 * part) / 1024;
}

/** Numbers from N(0, 1) that are the same for the same seed; not those of PyTorch. */
export function normals(n, seed) {
  let state = (seed * 2654435761 + 1013904223) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Float32Array.from({ length: n }, () => {
    return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  });
}
