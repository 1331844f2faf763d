// Stands in for MathJax where the book was built without it: says so above the page's text.
addEventListener("DOMContentLoaded", () => {
  const note = document.createElement("p");
  note.setAttribute("role", "note");
  note.textContent = "Formulas on this page are shown as TeX source: MathJax was not at hand when " +
    "the book was built. Install npm and build again.";
  document.querySelector("article")?.prepend(note);
});
