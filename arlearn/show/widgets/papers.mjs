// The periodic table of the course: filter it, open a chapter, ask what an empty cell would be.

import { choice, make, stage, tell } from "./kit.mjs";

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The papers that a choice of plan, head and data leaves; an empty choice leaves all. */
export function chosen(papers, { plan, head, data }) {
  return papers.filter(
    (paper) =>
      (!plan || paper.plan === plan) &&
      (!head || paper.head === head) &&
      (!data || paper.data.includes(data)),
  );
}

/** What a cell is, in words. */
export function means(plans, heads, plan, head) {
  return `Plan ${plan}: ${plans[plan]}. Head ${head}: each unit follows ${heads[head]}.`;
}

/** A chapter's address, as a page of the book or a notebook. */
function address(root, page) {
  return `${root}/${page}.${/\.html$/.test(location.pathname) ? "html" : "ipynb"}`;
}

function chip(paper, root, el) {
  if (!paper.page) return make("span", { class: "paper", title: paper.title }, paper.short);
  const given = `${root}/${paper.page}.ipynb`;
  // JupyterLab opens notebooks by its own handlers, which the still table's links have been given
  const follow = (event) => {
    const links = [...(el.parentElement?.querySelectorAll(".still a") ?? [])];
    const handled = links.find((one) => one.textContent === paper.short);
    if (!handled || handled.getAttribute("href") === given) return;
    event.preventDefault();
    handled.click();
  };
  const link = { href: address(root, paper.page), title: paper.title, onclick: follow };
  return make("a", { class: "paper", ...link }, paper.short);
}

function render({ model, el }) {
  stage(el, "papers", model.get("label"));
  const [papers, plans, heads] = ["papers", "plans", "heads"].map((name) => model.get(name));
  const root = model.get("root");
  const rows = Object.keys(plans);
  const columns = Object.keys(heads);
  const wish = { plan: "", head: "", data: "" };
  const said = make("div", { class: "said", "aria-live": "polite" });
  const count = make("span", { class: "name" });
  const body = make("tbody");
  const top = make("tr");
  const explain = (plan, head, held) => {
    const exercise =
      "No paper of the course stands here: an exercise, since tokens, plan and head compose.";
    const told = held.map((paper) =>
      make("li", {}, chip(paper, root, el), ` ${paper.title} (${paper.year}). ${paper.claim}`),
    );
    said.replaceChildren(
      make("p", { class: "words" }, means(plans, heads, plan, head)),
      held.length ? make("ul", {}, told) : make("p", {}, exercise),
    );
  };
  const move = (event) => {
    const cell = event.target.closest("td[tabindex]");
    const by = MOVES[event.key];
    if (event.key === "Enter" && event.target === cell) cell.querySelector("a")?.click();
    const cells = [...body.rows].map((row) => [...row.cells].slice(1));
    const row = cells.findIndex((held) => held.includes(cell));
    if (row < 0) return;
    const column = cells[row].indexOf(cell);
    const ends = { Home: cells[row][0], End: cells[row].at(-1) };
    const next = by ? cells[row + by[0]]?.[column + by[1]] : ends[event.key];
    if (!by && !next) return;
    event.preventDefault();
    next?.focus();
  };
  const draw = () => {
    const left = chosen(papers, wish);
    const shownRows = wish.plan ? [wish.plan] : rows;
    const shownColumns = wish.head ? [wish.head] : columns;
    const keys = { "data-lm-suppress-shortcuts": "true" };
    top.replaceChildren(make("td"), ...shownColumns.map((head) =>
      make("th", { scope: "col" }, head, make("small", {}, heads[head]))));
    let first = true;
    body.replaceChildren(...shownRows.map((plan) => {
      const cells = shownColumns.map((head) => {
        const held = left.filter((paper) => paper.plan === plan && paper.head === head);
        const cell = make(
          "td",
          { tabindex: first ? 0 : -1, "data-open": !held.length, ...keys },
          held.length ? held.map((paper) => chip(paper, root, el)) : "·",
        );
        first = false;
        cell.setAttribute("aria-label", held.length
          ? `${plan}, ${head}: ${held.map((paper) => paper.short).join(", ")}`
          : `${plan}, ${head}: no paper`);
        cell.addEventListener("focusin", () => {
          for (const one of body.querySelectorAll("td[tabindex='0']")) one.tabIndex = -1;
          cell.tabIndex = 0;
          explain(plan, head, held);
        });
        cell.addEventListener("click", () => explain(plan, head, held));
        return cell;
      });
      const name = make("th", { scope: "row" }, plan, make("small", {}, plans[plan]));
      return make("tr", {}, name, cells);
    }));
    const outside = left.filter((paper) => !(paper.plan in plans && paper.head in heads));
    const beside = outside.map((paper) => paper.short).join(", ");
    count.textContent =
      `${left.length} of ${papers.length} papers` + (beside && `; beside the table: ${beside}`);
    tell(model, { chosen: { ...wish } });
  };
  const filter = (key, options) =>
    choice(key, ["any", ...options], 0, (i) => {
      wish[key] = i ? options[i - 1] : "";
      draw();
    }).node;
  const data = [...new Set(papers.flatMap((paper) => paper.data))].sort();
  const bar = make("div", { class: "bar" },
    filter("plan", rows), filter("head", columns), filter("data", data), count);
  const table = make("table", { onkeydown: move }, make("thead", {}, top), body);
  el.append(bar, make("div", { class: "scroll" }, table), said);
  said.append(make("p", { class: "words" },
    "Choose a cell (arrow keys move): a solid frame leads to a chapter, a dashed one has none " +
    "yet, · is open."));
  draw();
}

export default { render };
