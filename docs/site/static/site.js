// Formulas and tables that are wider than a phone can be scrolled by keyboard, too.
function reachable() {
  for (const wide of document.querySelectorAll('mjx-container[display="true"], .cell_output .output')) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
  }
}
addEventListener("load", () => Promise.resolve(window.MathJax?.startup?.promise).then(reachable));
