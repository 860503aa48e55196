// Tables sort by a click on a heading; a box per method hides it everywhere. Without scripts the page shows all.
const worth = (cell) => {
  const text = (cell.querySelector("b") || cell).textContent.trim().replace("−", "-").replace(/\u202f/g, "");
  const found = text.match(/^-?[\d.]+/);
  return found ? parseFloat(found[0]) : text === "—" ? -Infinity : text;
};
const later = (a, b) => (typeof a === typeof b ? (a < b ? 1 : a > b ? -1 : 0) : typeof a === "number" ? -1 : 1);
for (const table of document.querySelectorAll("table.sorts")) {
  table.querySelectorAll("thead th").forEach((heading, column) => {
    let turn = 1;
    heading.tabIndex = 0;
    heading.title = "sort";
    const sort = () => {
      const body = table.tBodies[0];
      const rows = [...body.rows].sort((a, b) => turn * later(worth(a.cells[column]), worth(b.cells[column])));
      turn = -turn;
      body.append(...rows);
    };
    heading.addEventListener("click", sort);
    heading.addEventListener("keydown", (event) => event.key === "Enter" && sort());
  });
}
for (const box of document.querySelectorAll(".methods input")) {
  box.addEventListener("change", () => {
    const study = box.closest(".study");
    for (const part of study.querySelectorAll(`[data-method="${box.value}"]`)) part.style.display = box.checked ? "" : "none";
  });
}
for (const chooser of document.querySelectorAll(".methods")) chooser.hidden = false;
