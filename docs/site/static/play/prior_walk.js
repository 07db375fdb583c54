// One draw of noise on the way from N(0, I) to a Gaussian that was fitted to the codes, through two decoders.

import { Sheet } from "./draw.js";
import { button, eachFrame, figure, layOut, slider, spread } from "./controls.js";
import { fitted, opened } from "./faces.js";
import { normals } from "./weights.js";

const SIDE = 64, WAYS = [0, 0.25, 0.5, 0.75, 1, 1.5];

export default async function explore(root) {
  const vae = await opened("celeba_vae"), gan = await opened("celeba_vae_gan");
  const models = [["VAE", vae], ["VAE-GAN", gan]];
  const { controls, stage, say } = layOut(root, { aside: false });
  const ask = eachFrame(root, update);
  let draw = 4, noise, ends;
  const pictures = [], work = spread(models, step);
  const place = slider(controls, {
    label: "way to the fitted prior", min: 0, max: 1.5, step: 0.05, value: 0.5, show: (v) => v.toFixed(2), onInput: moved,
  });
  button(controls, "Another draw", another);
  const large = new Sheet(figure(stage, "VAE and VAE-GAN, the same noise"), { label: "", side: SIDE, columns: 2, channels: 3, gap: 2 });
  large.canvas.classList.add("explorer-large");
  const strip = new Sheet(figure(stage, "The same draw at 0, ¼, ½, ¾, 1 and 1½: VAE above, VAE-GAN below"), {
    label: "", side: SIDE, columns: WAYS.length, rows: 2, channels: 3, gap: 2,
  });

  function another() {
    draw += 1;
    noise = normals(vae.latent, draw);
    ends = models.map(([, model]) => fitted(model, noise));
    moved();
    WAYS.forEach((way, i) => setTimeout(() => { // one after the other, so that the page stays awake
      codes(way).forEach((z, row) => strip.paint(models[row][1].decode(z, 1), 1, row * WAYS.length + i));
    }, 40 * (i + 1)));
    strip.label = `Draw ${draw} at six places of the way: patches of color at 0, a face towards 1`;
  }

  const codes = (way) => ends.map((end) => end.map((v, j) => (1 - way) * noise[j] + way * v));

  function moved() {
    work.again();
    ask();
  }

  function step([, model], i) {
    pictures[i] = model.decode(codes(place.value)[i], 1);
    large.paint(pictures[i], 1, i);
  }

  function update() {
    const way = place.value, settled = work.some();
    const where = way === 0 ? "N(0, I)" : way === 1 ? "the fitted prior" : way > 1 ? "beyond the fitted prior" : "on the way";
    say.textContent = `draw ${draw}, ${way.toFixed(2)}: ${where}`;
    large.label = `What VAE and VAE-GAN decode at ${way.toFixed(2)} of the way, ${where}`;
    root.shown = { settled, codes: codes(way), pictures };
    if (!settled) setTimeout(ask);
  }

  another();
  update();
  root.frames += 1;
}
