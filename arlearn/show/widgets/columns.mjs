// What a frame of changed columns packs, unpacked.

/** The bytes after frame i, column after column, 0 where nothing stands; and what i changed. */
export function filled(rows, columns, frames, i) {
  const bytes = new Uint8Array(rows * columns);
  let fresh = [];
  for (const [at, packed] of frames.slice(0, i + 1)) {
    const held = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    at.forEach((column, k) => bytes.set(held.subarray(k * rows, (k + 1) * rows), column * rows));
    fresh = at;
  }
  return { bytes, fresh };
}
