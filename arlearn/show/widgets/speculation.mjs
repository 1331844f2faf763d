// The speculation simulator: what drafts of a given quality, length and price buy.

import { button, dice, make, number, slider, stage, tell } from "./kit.mjs";

/** Tokens per target pass, the sum of alpha^0 .. alpha^k (decode.expected_tokens). */
export function expectedTokens(alpha, k) {
  let sum = 0;
  for (let j = 0; j <= k; j++) sum += alpha ** j;
  return sum;
}

/** Over drawing one token per target pass, where a draft costs c target passes. */
export function speedUp(alpha, k, c) {
  return expectedTokens(alpha, k) / (k * c + 1);
}

/** The length of draft that is fastest, among 0 .. most. */
export function bestLength(alpha, c, most) {
  const gains = Array.from({ length: most + 1 }, (_, k) => speedUp(alpha, k, c));
  return gains.indexOf(Math.max(...gains));
}

/** How many of k drafts stand in each of n rounds. */
export function rounds(alpha, k, n, seed) {
  const next = dice(seed);
  return Array.from({ length: n }, () => {
    let stands = 0;
    while (stands < k && next() < alpha) stands += 1;
    return stands;
  });
}

const MOST = 16; // drafts
const SHOWN = 8; // rounds drawn as boxes
const ROUNDS = 2000;
const [WIDE, HIGH, LEFT, LOW] = [360, 190, 34, 156]; // of the plot, and where its axes cross

function tick(top) {
  return [0.5, 1, 2, 5, 10].find((step) => top / step <= 6);
}

const level = (y, name) => make("line", { x1: LEFT, x2: WIDE - 10, y1: y, y2: y, class: name });
const text = (x, y, name, words) => make("text", { x, y, class: name }, words);
const shape = (d, name) => make("path", { d, class: name });

/** Speed-up over the length of the draft, with what was measured beside it. */
function plot(measured) {
  const svg = make("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "plot", role: "img" });
  const show = (alpha, k, c) => {
    const gains = Array.from({ length: MOST + 1 }, (_, j) => speedUp(alpha, j, c));
    const points = measured.map(([a, j, tokens]) => [a, j, tokens / (j * c + 1)]);
    const top = Math.max(2, ...gains, ...points.map((point) => point[2])) * 1.08;
    const x = (j) => LEFT + ((WIDE - LEFT - 10) * j) / MOST;
    const y = (gain) => LOW - ((LOW - 8) * gain) / top;
    const step = tick(top);
    const rows = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
    const best = bestLength(alpha, c, MOST);
    svg.replaceChildren(
      ...rows.map((gain) => level(y(gain), "rule")),
      ...rows.map((gain) => text(LEFT - 6, y(gain) + 4, "end", `${gain}×`)),
      ...[0, 4, 8, 12, 16].map((j) => text(x(j), LOW + 16, "mid", `${j}`)),
      text((LEFT + WIDE) / 2, HIGH - 4, "mid", "drafts a round, k"),
      level(y(1), "one"),
      make("polyline", { points: gains.map((gain, j) => `${x(j)},${y(gain)}`).join(" ") }),
      ...points.map(([, j, gain]) => shape(`M${x(j) - 5} ${y(gain)}l5 -5l5 5l-5 5z`, "found")),
      shape(`M${x(best)} ${y(gains[best]) - 7}l-5 -9h10z`, "best"),
      make("circle", { cx: x(k), cy: y(gains[k]), r: 5 }),
    );
    svg.setAttribute("aria-label",
      `speed-up over the length of the draft: ${number(gains[k])} at ${k}, at most ` +
      `${number(gains[best])} at ${best}`);
  };
  return { node: svg, show };
}

/** Rounds as boxes: drafts that stand, the one that falls, those never asked, and the extra. */
function boxes(k, stood) {
  const kinds = (stands) => [
    ...Array(stands).fill(["stands", "✓"]),
    ...(stands < k ? [["falls", "✗"]] : []),
    ...Array(Math.max(k - stands - 1, 0)).fill(["idle", "·"]),
  ];
  const box = ([kind, sign]) => make("span", { class: `box ${kind}` }, sign);
  const row = (stands) => {
    const sum = make("small", {}, ` ${stands + 1}`);
    return make("li", {}, kinds(stands).map(box), box(["added", "+"]), sum);
  };
  const words = stood.map((stands) => stands + 1).join(", ");
  const label = `tokens of each round: ${words}`;
  return make("ol", { class: "rounds", role: "img", "aria-label": label }, stood.map(row));
}

function render({ model, el }) {
  stage(el, "speculation", model.get("label"));
  const at = { ...model.get("chosen") };
  const measured = model.get("measured");
  const curve = plot(measured);
  const facts = make("ul", { class: "facts", "aria-live": "polite" });
  const run = make("div", { class: "run" });
  let seed = 1;
  const show = () => {
    const { alpha, k, c } = at;
    const stood = rounds(alpha, k, ROUNDS, seed);
    const mean = stood.reduce((sum, n) => sum + n + 1, 0) / ROUNDS;
    const best = bestLength(alpha, c, MOST);
    const lines = [
      `${number(expectedTokens(alpha, k), 4)} tokens per target pass expected, ` +
        `${number(mean, 4)} in ${ROUNDS} simulated rounds`,
      `all ${k} drafts stand in ${number(100 * alpha ** k)}% of the rounds`,
      `a round costs ${number(k * c + 1)} target passes: ` +
        `speed-up ${number(speedUp(alpha, k, c))}×`,
      best ? `▾ fastest at k = ${best}: ${number(speedUp(alpha, best, c))}×`
        : "▾ drafting does not pay here: k = 0 is fastest",
    ];
    if (measured.length)
      lines.push("◆ measured: " + measured.map(([a, j, tokens]) =>
        `${number(tokens)} tokens a pass at k = ${j} (quality ${number(a)})`).join("; "));
    facts.replaceChildren(...lines.map((line) => make("li", {}, line)));
    curve.show(alpha, k, c);
    run.replaceChildren(boxes(k, stood.slice(0, SHOWN)));
    tell(model, { chosen: { ...at } });
  };
  const turn = (key) => (value) => {
    at[key] = value;
    show();
  };
  const dials = [
    slider({ name: "quality α", max: 1, step: 0.01, value: at.alpha }, turn("alpha")),
    slider({ name: "drafts k", max: MOST, value: at.k }, turn("k")),
    slider({ name: "price c", max: 1, step: 0.01, value: at.c }, turn("c")),
  ];
  const again = button("again", "simulate other rounds", () => {
    seed += 1;
    show();
  });
  const key = make("p", { class: "words" },
    "✓ drafted and kept, ✗ drafted and refused, · behind a refused one, + from the target's " +
    "own pass. Each draft stands with probability α, independently; c is a draft's price in " +
    "target passes.");
  el.append(
    make("div", { class: "dials" }, dials.map((dial) => dial.node)),
    make("div", { class: "panels" }, make("div", {}, curve.node), make("div", {}, facts)),
    make("div", { class: "bar" }, make("span", { class: "name" }, `${SHOWN} of the rounds`), again),
    run,
    key,
  );
  show();
}

export default { render };
