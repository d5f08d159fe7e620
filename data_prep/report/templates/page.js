// Sorts and filters the index; the cards follow it. Without this script all is there, in order.
"use strict";
const rows = [...document.querySelectorAll(".index tbody tr")];
const headings = [...document.querySelectorAll(".index th")];
const controls = document.querySelector(".controls");
const [search, only] = controls.querySelectorAll("input");
const card = (row) => document.getElementById(row.dataset.case);

function compare(one, other, isText) {
  return isText ? one.localeCompare(other, "en", { numeric: true }) : Number(one) - Number(other);
}

function sort(heading) {
  const column = headings.indexOf(heading);
  const isText = heading.classList.contains("text");
  const order = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const key = (row) => row.cells[column].dataset.key;
  const [known, missing] = [rows.filter((row) => key(row) !== ""), rows.filter((row) => key(row) === "")];
  known.sort((one, other) => compare(key(one), key(other), isText) * (order === "ascending" ? 1 : -1));
  headings.forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", order);
  for (const row of [...known, ...missing]) {
    row.parentNode.append(row);
    card(row).parentNode.append(card(row));
  }
}

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = row.textContent.toLowerCase().includes(wanted) && (!only.checked || row.lastElementChild.dataset.key > 0);
    row.hidden = card(row).hidden = !fits;
    shown += fits;
  }
  controls.querySelector("output").textContent = `${shown} of ${rows.length} cases, here and below`;
}

// A link from elsewhere on the page to a case that the filter hides.
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.hidden) {
    controls.reset();
    filter();
    // When the cards above it have taken their places.
    requestAnimationFrame(() => requestAnimationFrame(() => target.scrollIntoView()));
  }
}

for (const heading of headings) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = heading.textContent;
  button.addEventListener("click", () => sort(heading));
  heading.replaceChildren(button);
}
controls.hidden = false;
controls.addEventListener("input", filter);
controls.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", reveal);
filter();
