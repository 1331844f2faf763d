// The law explorer: what temperature, truncation and guidance leave of a law, as heads/law.py does.

import { button, dice, make, number, slider, stage, tell } from "./kit.mjs";

/** (1 + g) conditional - g unconditional. */
export function guided(conditional, unconditional, g) {
  if (!g || !unconditional.length) return conditional;
  return conditional.map((logit, i) => (1 + g) * logit - g * unconditional[i]);
}

export function softmax(logits) {
  const most = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Law.filter: tempered, then truncated with -Infinity by top-k, top-p and min-p in this order. */
export function filter(logits, { temperature, top_k, top_p, min_p }) {
  if (temperature === 0) {
    const best = logits.indexOf(Math.max(...logits));
    return logits.map((_, i) => (i === best ? 0 : -Infinity));
  }
  let law = logits.map((logit) => logit / temperature);
  if (top_k !== null && top_k < law.length) {
    const least = [...law].sort((a, b) => b - a)[top_k - 1];
    law = law.map((logit) => (logit < least ? -Infinity : logit));
  }
  if (top_p !== null && top_p < 1) {
    const mass = softmax(law);
    const order = law.map((_, i) => i).sort((a, b) => law[b] - law[a]);
    let above = 0; // probability of strictly more likely units
    for (const i of order) {
      if (above >= top_p) law[i] = -Infinity;
      above += mass[i];
    }
  }
  if (min_p !== null) {
    const least = Math.max(...law) + Math.log(min_p);
    law = law.map((logit) => (logit < least ? -Infinity : logit));
  }
  return law;
}

export function entropy(law) {
  return -law.reduce((sum, p) => sum + (p > 0 ? p * Math.log2(p) : 0), 0);
}

/** n draws from a law, counted. */
export function draws(law, n, seed) {
  const next = dice(seed);
  const counts = law.map(() => 0);
  for (let k = 0; k < n; k++) {
    let left = next();
    let i = law.findLastIndex((p) => p > 0);
    for (let j = 0; j < law.length; j++) {
      left -= law[j];
      if (left < 0) {
        i = j;
        break;
      }
    }
    counts[i] += 1;
  }
  return counts;
}

const N = 200; // draws at a press
const percent = (p) => `${number(100 * p, p < 0.001 ? 1 : 3)}%`;

/** One bar per unit, the most likely first; what is not among the shown ones is summed below. */
function bars(names, plain, most) {
  const order = plain.map((_, i) => i).sort((a, b) => plain[b] - plain[a]);
  const shown = order.slice(0, most);
  const rest = order.slice(most);
  const rows = shown.map((i) => {
    const kinds = ["before", "after", "dot"];
    const [before, after, dot] = kinds.map((kind) => make("i", { class: kind }));
    const told = make("output");
    const track = make("span", { class: "track" }, before, after, dot);
    const node = make("li", {}, make("b", {}, names[i]), track, told);
    return { i, node, before, after, dot, told };
  });
  const other = make("p", { class: "words" });
  const list = make("ol", { class: "bars" }, rows.map((row) => row.node));
  const show = (law, counts) => {
    const top = Math.max(...law, ...plain);
    for (const { i, node, before, after, dot, told } of rows) {
      before.style.width = `${(100 * plain[i]) / top}%`;
      after.style.width = `${(100 * law[i]) / top}%`;
      dot.hidden = !counts;
      if (counts) dot.style.left = `min(${(100 * counts[i]) / N / top}%, 100%)`;
      node.toggleAttribute("data-cut", law[i] === 0);
      told.textContent = law[i] === 0 ? "✗ cut" : percent(law[i]);
    }
    const sum = (values) => rest.reduce((all, i) => all + values[i], 0);
    other.textContent = rest.length
      ? `${rest.length} more units hold ${percent(sum(plain))}, then ${percent(sum(law))}.`
      : "";
  };
  return { node: make("div", {}, list, other), show };
}

function render({ model, el }) {
  stage(el, "law", model.get("label"));
  const logits = model.get("logits");
  const without = model.get("unconditional");
  const law = { ...model.get("law") };
  const v = logits.length;
  const plain = softmax(logits);
  const drawn = bars(model.get("names"), plain, model.get("most"));
  const facts = make("ul", { class: "facts", "aria-live": "polite" });
  let seed = 0;
  let counts = null;
  const show = () => {
    const now = softmax(filter(guided(logits, without, law.guidance), law));
    const kept = now.filter((p) => p > 0).length;
    drawn.show(now, counts && draws(now, N, seed));
    const lines = [
      `${kept} of ${v} units can be drawn`,
      `entropy ${number(entropy(now))} bits, ${number(entropy(plain))} before`,
      `the likeliest has ${percent(Math.max(...now))}, ${percent(Math.max(...plain))} before`,
    ];
    facts.replaceChildren(...lines.map((line) => make("li", {}, line)));
    tell(model, { law: { ...law } });
  };
  const dials = [
    { name: "temperature", key: "temperature", max: 2, step: 0.05, off: NaN },
    { name: "top-k", key: "top_k", min: 1, max: v, off: v },
    { name: "top-p", key: "top_p", min: 0.05, max: 1, step: 0.01, off: 1 },
    { name: "min-p", key: "min_p", min: 0, max: 1, step: 0.01, off: 0 },
    { name: "guidance", key: "guidance", min: 0, max: 6, step: 0.1, off: NaN },
  ].filter(({ key }) => key !== "guidance" || without.length);
  const given = { ...law };
  const sliders = dials.map(({ name, key, min = 0, max, step = 1, off }) => {
    const write = (value) => (value === off ? "off" : String(value));
    const value = law[key] ?? off;
    const one = slider({ name, min, max, step, value, write }, (to) => {
      law[key] = to === off ? null : to;
      show();
    });
    return { key, off, set: one.set, node: one.node };
  });
  const again = button(`draw ${N}`, `draw ${N} units and mark how often each came`, () => {
    counts = true;
    seed += 1;
    show();
  });
  const back = button("reset", "back to the law it began with", () => {
    Object.assign(law, given);
    for (const { key, off, set } of sliders) set(law[key] ?? off);
    counts = null;
    show();
  });
  const key = make("p", { class: "words" },
    "outlined: the law as it is; filled: what is drawn from; ",
    `◆ how often each came of ${N} draws`);
  el.append(
    make("div", { class: "dials" }, sliders.map((one) => one.node)),
    make("div", { class: "bar" }, again, back),
    facts,
    drawn.node,
    key,
  );
  show();
}

export default { render };
