// A model: its files and a picture are dropped, and it runs; what it gives is shown beside the picture.

import { Remote } from "./remote.js";
import { accept, photo } from "./files.js";

/** The longest side of a picture, in pixels: a larger one is shrunk before the model has it. */
const LONGEST = 1024;

const find = (id) => document.getElementById(id);

export class Model {
  #remote = new Remote();
  #form = find("model-form");
  #model = null;
  #data = [];
  #arrays = [];
  #picture = null;
  /** The number of the model's inputs; none where the worker has to read it. */
  #inputs = null;
  /** Whether there is something that no run has had. */
  #due = false;
  #asked = 0;
  #last = Promise.resolve();
  #urls = [];

  constructor() {
    accept(find("model"), find("model-files"), (files) => this.#ask(files));
    this.#form.onsubmit = (event) => event.preventDefault();
    this.#form.onchange = (event) => event.target.type !== "file" && this.#ask([]);
  }

  /** Takes files and runs the model, after what was asked for before; of the runs that wait, only the last is done. */
  #ask(files) {
    const turn = ++this.#asked;
    find("model-error").textContent = "";
    this.#last = this.#last.then(async () => {
      await this.#guarded(() => this.#take(files));
      if (turn === this.#asked && this.#due) await this.#guarded(() => this.#run());
    });
  }

  /** Keeps the files by what they are: all of them, or none where the picture cannot be read. */
  async #take(files) {
    const ending = (ending) => (file) => file.name.toLowerCase().endsWith(ending);
    // A file takes the place of the one of its name: arrays belong to inputs in their order.
    const added = (all, more) => [...new Map([...all, ...more].map((file) => [file.name, file])).values()];
    const model = files.find(ending(".onnx"));
    const arrays = files.filter(ending(".npy"));
    const pictures = files.filter(({ type }) => type.startsWith("image/"));
    const data = files.filter((file) => ![model, ...arrays, ...pictures].includes(file));
    const picture = pictures.length ? await photo(pictures.at(-1), LONGEST) : null;
    if (model) [this.#model, this.#data, this.#arrays] = [model, [], []];
    if (model || data.length) this.#inputs = null;
    if (picture) [this.#picture, this.#arrays] = [picture, []];
    this.#data = added(this.#data, data);
    this.#arrays = added(this.#arrays, arrays);
    // Where there are more than the model has inputs, the earlier ones are over.
    if (this.#inputs !== null && this.#arrays.length > this.#inputs) this.#arrays = arrays;
    this.#due = true;
    if (files.length && this.#model === null) throw new Error("An .onnx file is needed; drop it with what it keeps in other files.");
  }

  /** Has the worker read the model, and lists what it has. */
  async #read() {
    this.#inputs = null;
    this.#clear();
    find("model-about").replaceChildren();
    find("model-graph").hidden = true;
    this.#say(`Reading ${this.#model.name} …`);
    const { inputs, outputs, operators, presets } = await this.#remote.call("model", { file: this.#model, data: this.#data });
    find("model-about").replaceChildren(
      line(`${this.#model.name}: ${operators.reduce((sum, { count }) => sum + count, 0)} nodes`),
      line(`inputs: ${inputs.join(", ")}`),
      line(`outputs: ${outputs.join(", ")}`),
    );
    const list = operators.map(({ name, count, refusal }) => `${count} × ${name}${refusal ? `, which cannot run: ${refusal}` : ""}`);
    find("model-operators").replaceChildren(...list.map((words) => element("li", words)));
    find("model-graph").hidden = false;
    find("model-graph").open = operators.some(({ refusal }) => refusal);
    const families = this.#form.elements.preset;
    if (families.length === 1) families.append(...presets.map((name) => new Option(name, name)));
    this.#inputs = inputs.length;
  }

  async #run() {
    this.#due = false;
    if (this.#model === null) return;
    if (this.#inputs === null || this.#remote.fresh) await this.#read();
    if (!this.#picture && !this.#arrays.length) return this.#say("Now a picture, or the inputs as .npy files of NumPy.");
    this.#clear();
    const bar = find("model-progress");
    bar.hidden = false;
    const { preset, float, threshold } = this.#form.elements;
    const options = { preset: preset.value, float: float.value, threshold: Number(threshold.value) };
    const given = this.#arrays.length ? { arrays: this.#arrays } : { picture: this.#picture };
    const progress = ({ stage, done, all }) => {
      this.#say(`${stage} …`);
      if (all === undefined) bar.removeAttribute("value");
      else Object.assign(bar, { max: all, value: done });
    };
    try {
      await this.#show(await this.#remote.call("run", { ...given, ...options }, { progress }));
    } finally {
      bar.hidden = true;
    }
  }

  async #show({ stages, least, memory, dispatches, outputs, seen }) {
    this.#say("");
    const mebibytes = (memory / 2 ** 20).toFixed(1);
    find("model-stages").replaceChildren(
      ...stages.map(({ stage, milliseconds }) => row(stage, `${milliseconds.toFixed(1)} ms`)),
      row("a run, its outputs read back", `${least.toFixed(1)} ms`),
      row("dispatches", dispatches),
      row("memory between inputs and outputs", `${mebibytes} MiB`),
    );
    find("model-outputs").replaceChildren(
      ...outputs.map(({ name, about, file }) => {
        const item = element("li", `${about} `);
        item.append(this.#download(new Blob([file]), `${name}.npy`));
        return item;
      }),
    );
    find("model-pictures").hidden = !seen;
    if (seen) await this.#draw(seen);
    find("model-result").hidden = false;
  }

  async #draw({ output, kind, width, height, pixels, boxes, refusal }) {
    const { width: own, height: tall, data } = this.#picture;
    paint(find("model-input"), own, tall, data);
    find("model-seen").parentElement.hidden = refusal !== undefined;
    if (refusal !== undefined) return this.#say(refusal);
    const canvas = find("model-seen");
    paint(canvas, width, height, pixels);
    const context = canvas.getContext("2d");
    const unit = Math.max(1, width / 400);
    context.lineWidth = 2 * unit;
    context.font = `${13 * unit}px system-ui, sans-serif`;
    for (const { label, score, corners: [left, top, right, bottom], colour } of boxes) {
      context.strokeStyle = context.fillStyle = `rgb(${colour})`;
      context.strokeRect(left, top, right - left, bottom - top);
      context.fillText(`label ${label} ${score.toFixed(2)}`, left + 3 * unit, top + 14 * unit);
    }
    const what = kind === "boxes" ? `${boxes.length} boxes` : kind;
    find("model-caption").replaceChildren(`${what} of ${output} `);
    const blob = await new Promise((done) => canvas.toBlob(done));
    if (blob) find("model-caption").append(this.#download(blob, `${output}.png`));
  }

  #download(blob, name) {
    const href = URL.createObjectURL(blob);
    this.#urls.push(href);
    return Object.assign(element("a", "download"), { href, download: name });
  }

  /** Takes away what the last run gave. */
  #clear() {
    find("model-result").hidden = true;
    this.#urls.splice(0).forEach((url) => URL.revokeObjectURL(url));
  }

  #say(words) {
    find("model-status").textContent = words;
  }

  async #guarded(work) {
    try {
      await work();
    } catch (error) {
      this.#say("");
      find("model-error").textContent = error.message;
    }
  }
}

function element(name, words) {
  return Object.assign(document.createElement(name), { textContent: words });
}

const line = (words) => element("p", words);

function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells.map((cell) => element("td", cell)));
  return made;
}

function paint(canvas, width, height, pixels) {
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
}
