// The sound of what stands: the finished waveform, played as far as the shown step has come.

import { make } from "./kit.mjs";

/** Of each sample its file, and for each step the share of it that is heard. */
export function voice(files, heard, label) {
  const keys = { "data-lm-suppress-shortcuts": "true" };
  const told = { controls: true, preload: "metadata", "aria-label": `${label}: sound` };
  const audio = make("audio", { ...told, ...keys });
  const words = make("small");
  let end = 1;
  let sample = null;
  const watch = () => {
    if (audio.paused) return;
    if (end < 1 && audio.currentTime >= end * audio.duration) {
      audio.pause();
      audio.currentTime = 0;
    } else requestAnimationFrame(watch);
  };
  audio.addEventListener("play", watch);
  const show = (which, step) => {
    if (which !== sample) audio.src = files[which];
    sample = which;
    end = heard[which][step];
    const share = Math.round(100 * end);
    words.textContent = end < 1 ? `heard as far as it stands: the first ${share}%` : "";
  };
  return { node: make("div", { class: "voice" }, audio, words), show };
}
