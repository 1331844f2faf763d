// Frames as pictures. Where each is a strip of a video's frames, the finished strip can be run.

import { make } from "./kit.mjs";
import { player } from "./player.mjs";

/** The view of `player.mjs` over picture files, with a film where they are strips of one. */
export function pictures(model, changed) {
  const files = model.get("frames");
  const captions = model.get("captions");
  const label = model.get("label");
  const { width, columns, tile, strip, sharp } = model.get("size");
  const style = `width:${width}px${sharp ? ";image-rendering:pixelated" : ""}`;
  const images = files.map((src, i) =>
    make("img", { src, alt: `${label}: ${captions[i]}`, style, class: "dark-light" }),
  );
  const film = make("div", { class: "film", role: "img", "aria-label": `${label}, as a film` });
  const finished = make("img", { src: files.at(-1), alt: "", class: "dark-light" });
  finished.style.imageRendering = sharp ? "pixelated" : "auto";
  film.append(finished);
  film.hidden = true;
  const node = named(make("div", { class: "clips" }, images, film), model);
  const view = {
    node,
    film: false,
    length: columns,
    controls: [],
    show(i) {
      images.forEach((image, j) => (image.hidden = view.film || j !== i));
      // the strip holds `columns` tiles with a pixel between them; the film's window shows one
      if (view.film) finished.style.transform = `translateX(${(-100 * i * (tile + 1)) / strip}%)`;
    },
  };
  if (columns > 1) {
    finished.style.width = `${(100 * strip) / tile}%`;
    film.style.width = `${Math.min(Math.max((2.4 * width) / columns, 160), 320)}px`;
    const turn = (event) => {
      view.film = !view.film;
      film.hidden = !view.film;
      event.currentTarget.setAttribute("aria-pressed", view.film);
      changed(view.film ? 0 : files.length - 1);
    };
    const keys = { "data-lm-suppress-shortcuts": "true" };
    const attributes = { type: "button", "aria-pressed": "false", onclick: turn, ...keys };
    view.controls = [make("button", attributes, "as a film")];
  }
  return view;
}

/** The pictures with names above their columns and beside their rows, where there are any. */
function named(pictures, model) {
  const above = model.get("above") ?? [];
  const beside = model.get("beside") ?? [];
  if (!above.length && !beside.length) return pictures;
  const list = (side, names) => {
    const words = names.map((name) => make("small", {}, name));
    return make("div", { class: side, "aria-hidden": "true" }, words);
  };
  return make("div", { class: "named" }, list("above", above), list("beside", beside), pictures);
}

export default player(pictures);
