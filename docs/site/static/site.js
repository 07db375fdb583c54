// Formulas and tables that are wider than a phone can be scrolled, and by keyboard, too.
function reachable() {
  for (const wide of document.querySelectorAll('mjx-container[display="true"], .cell_output .output')) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  }
  for (const formula of document.querySelectorAll("span.math")) { // in a line; as drawn, not as told to readers of screens
    const end = formula.querySelector("mjx-math")?.getBoundingClientRect().right;
    if (end <= formula.getBoundingClientRect().right + 1 || end === undefined) continue;
    formula.style.overflowX = "auto";
    formula.tabIndex = 0;
  }
}
addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(reachable));
