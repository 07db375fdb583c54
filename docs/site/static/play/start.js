// Brings the explorers of a page to life, each when it comes near the screen: <div class="explorer-body"
// data-explorer="name"> is handed to the module of that name.

async function begin(place) {
  try {
    const explorer = await import(`./${place.dataset.explorer}.js`);
    await explorer.default(place, place.dataset);
    place.dataset.state = "ready";
  } catch (error) {
    place.dataset.state = "failed";
    place.textContent = `This explorer could not start: ${error.message}.`;
    throw error;
  }
}

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    begin(target);
  }
}, { rootMargin: "300px" });
for (const place of document.querySelectorAll("[data-explorer]")) near.observe(place);
