// The trace player: one control over the steps of any generation, and what they cost so far.

import { button, choice, clock, counted, make, number, slider, stage, tell } from "./kit.mjs";
import { voice } from "./voice.mjs";

const SPEEDS = [0.5, 1, 2, 4, 8];

/** Units over network evaluations up to each step; the dot is where the player stands. */
function cost(counts) {
  const [evaluations, units] = counts.at(-1);
  const x = (n) => number(4 + (112 * n) / Math.max(evaluations, 1), 4);
  const y = (n) => number(60 - (52 * n) / Math.max(units, 1), 4);
  const points = [[0, 0], ...counts].map(([e, u]) => `${x(e)},${y(u)}`).join(" ");
  const dot = make("circle", { r: 4 });
  const show = ([e, u]) => {
    dot.setAttribute("cx", x(e));
    dot.setAttribute("cy", y(u));
  };
  const line = make("polyline", { points });
  const axes = make("path", { d: "M4 4V60H118", class: "axis" });
  const attributes = { viewBox: "0 0 122 64", "aria-hidden": "true" };
  return { node: make("svg", attributes, axes, line, dot), show };
}

/** What the steps so far cost, in numbers and as a curve. */
function meter(counts) {
  const curve = cost(counts);
  const told = make("ul");
  const words = make("small", {}, "units over evaluations");
  const show = (i) => {
    const [evaluations, units] = counts[i];
    const each = number(units / Math.max(evaluations, 1));
    const facts = [
      counted(evaluations, "network evaluation"),
      counted(units, "unit"),
      `${each} per evaluation`,
    ];
    told.replaceChildren(...facts.map((fact) => make("li", {}, fact)));
    curve.show(counts[i]);
  };
  return { node: make("div", { class: "meter" }, told, make("div", {}, curve.node, words)), show };
}

/**
 * The widget over a view. `view(model, changed)` returns `.node`, `.show(i)`, `.controls`, and
 * `.film`, true while it runs a finished video's frames (`.length` of them) and not the steps.
 */
export function player(view) {
  return { render: ({ model, el }) => mount(model, el, view) };
}

function mount(model, el, makeView) {
  const get = (name) => model.get(name);
  stage(el, "scrub", get("label"));
  const captions = get("captions");
  const counts = get("counts");
  let last = captions.length - 1;
  let speed = 1;
  const counter = counts.length ? meter(counts) : null;
  const spoken = get("sounds") ? voice(get("sounds"), get("heard"), get("label")) : null;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const words = make("p", { class: "words" });
  const track = slider(
    { name: `${get("label")}: step`, max: 0, value: 0, hidden: true },
    (i) => {
      beat.stop();
      show(i);
    },
  );
  const show = (i) => {
    const film = view.film;
    track.set(i);
    view.show(i);
    const told = film ? `frame ${i + 1} of ${last + 1}, as finished` : captions[i];
    words.textContent = counter && !film ? told.split(":")[0] : told;
    track.input.setAttribute("aria-valuetext", told);
    counter?.show(film ? counts.length - 1 : i);
    spoken?.show(view.sample ?? 0, film ? captions.length - 1 : i);
    tell(model, { frame: i });
  };
  const move = (by) => show(Math.min(Math.max(track.value + by, 0), last));
  const beat = clock(
    el,
    () => {
      const endless = (view.film || get("loop")) && !calm.matches;
      if (endless) return show((track.value + 1) % (last + 1));
      move(1);
      if (track.value === last) beat.stop();
    },
    (running) => {
      play.textContent = running ? "❚❚" : "▶";
      play.setAttribute("aria-label", running ? "pause" : "play");
    },
  );
  const run = () => {
    if (track.value === last) show(0);
    beat.start((1000 * get("seconds")) / speed);
  };
  const toggle = () => (beat.running ? beat.stop() : run());
  const step = (by) => () => {
    beat.stop();
    move(by);
  };
  const play = button("▶", "play", toggle, "play");
  track.input.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    toggle();
  });
  const speeds = choice("speed", SPEEDS.map((times) => `${times}×`), 1, (i) => {
    speed = SPEEDS[i];
    if (beat.running) run();
  });
  const view = makeView(model, (at = track.value) => {
    beat.stop();
    last = (view.film ? view.length : captions.length) - 1;
    track.limit(last);
    show(Math.min(at, last));
  });
  const bar = make(
    "div",
    { class: "bar" },
    play,
    button("‹", "one step back", step(-1), "back"),
    track.node,
    button("›", "one step forward", step(1), "next"),
    speeds.node,
    view.controls,
  );
  const screen = make("div", { class: "screen" }, view.node);
  el.append(make("div", { class: "shown" }, screen, counter?.node), bar, words);
  if (spoken) el.append(spoken.node);
  track.limit(last);
  show(get("loop") ? 0 : last);
}
