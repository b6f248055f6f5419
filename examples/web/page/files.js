// Files that are chosen or dropped, and photos in them.

// A browser shows a file that is dropped beside the sections in the page's place.
window.ondragover = window.ondrop = (event) => {
  if (event.defaultPrevented || !event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
};

/** Gives the files that are dropped on a section or chosen in its field to `use`. */
export function accept(section, field, use) {
  field.onchange = () => {
    const files = [...field.files];
    // The same file can be chosen again.
    field.value = "";
    if (files.length) use(files);
  };
  section.ondragover = (event) => {
    event.preventDefault();
    section.classList.add("over");
  };
  section.ondragleave = () => section.classList.remove("over");
  section.ondrop = (event) => {
    event.preventDefault();
    section.classList.remove("over");
    const files = [...event.dataTransfer.files];
    if (files.length) use(files);
  };
}

/** The pixels of a photo as they lie in the file, turned as its camera says, and shrunk where a side is longer than `longest`. */
export async function photo(file, longest = Infinity) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(file, options).catch(() => {
    throw new Error(`${file.name ?? "the file"} is no picture that this browser can read`);
  });
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((extent) => Math.max(1, Math.round(extent * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}
