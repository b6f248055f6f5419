// The functions that `Remote` calls, one after another, on a device that the first one opens.

import init, { Controls, Device, Network, Picture, SelfTest, View, filters, label_colour, presets, shaders, spacing } from "./pliant_web.js";

let device = null;
let view = null;
let test = null;
let network = null;

/** The adapter that pliant asks for, too. */
const adapter = () => navigator.gpu.requestAdapter({ powerPreference: "high-performance" });

const functions = {
  async open() {
    const { vendor, architecture, device: model, description } = (await adapter()).info;
    const known = [vendor, architecture, model, description].filter((part) => part).join(", ") || "an adapter without a name";
    const name = device.software ? `${known}, on the CPU` : known;
    return { name, report: `adapter: ${name}\n${device.report()}`, filters: filters() };
  },

  photo({ width, height, pixels }) {
    view?.free();
    view = null;
    view = new View(width, height, pixels);
    return { spacing: spacing(width, height) };
  },

  async frame({ controls, pixels }) {
    if (pixels) view.replace(pixels);
    return view.frame(device, of(controls));
  },

  samples({ controls, x, y }) {
    return view.samples(of(controls), x, y);
  },

  /** Has the browser compile every shader, and gives their number and what it says of them. */
  async shaders() {
    const chosen = await adapter();
    const subgroups = chosen.features.has("subgroups");
    const compiler = await chosen.requestDevice({ requiredFeatures: subgroups ? ["subgroups"] : [] });
    const all = shaders().filter(({ wgsl }) => subgroups || !wgsl.includes("enable subgroups;"));
    compiler.pushErrorScope("validation");
    const said = all.map(async ({ label, wgsl }) => {
      const { messages } = await compiler.createShaderModule({ label, code: wgsl }).getCompilationInfo();
      return messages.map(({ type, lineNum, message }) => `${label}: ${type} in line ${lineNum}: ${message}`);
    });
    const messages = (await Promise.all(said)).flat();
    await compiler.popErrorScope();
    compiler.destroy();
    return { count: all.length, messages };
  },

  async cases({ names }) {
    test = new SelfTest();
    const files = await Promise.all(names.map(async (name) => [name, await bytes(`goldens/${name}`)]));
    for (const [name, file] of files) test.add(name, file);
    return test.length;
  },

  async judge({ index, dtype }) {
    return test.failure(device, index, dtype);
  },

  /** Reads a model from a file, and says what is in it. */
  async model({ file, data }) {
    network?.free();
    network = null;
    const files = await Promise.all(data.map(contents));
    network = Network.read(await contents(file), data.map(({ name }) => name), files);
    const operators = network.operators().map(({ name, count, refusal }) => ({ name, count, refusal }));
    return { inputs: network.inputs(), outputs: network.outputs(), operators, presets: presets() };
  },

  /** Runs it on a picture or on arrays, and gives what comes out, how long each stage took, and the least time of so many more runs. */
  async run({ picture, arrays, preset, float, threshold, runs = 1 }, report) {
    const stages = [];
    const timed = async (stage, doing) => {
      report({ stage });
      const start = performance.now();
      const result = await doing();
      stages.push({ stage, milliseconds: performance.now() - start });
      return result;
    };
    const planning = "planning, and uploading weights";
    const progress = (done, all) => report({ stage: planning, done, all });
    const planned = await timed(planning, async () => {
      if (arrays) {
        const names = arrays.map(({ name }) => name);
        return network.for_arrays(device, names, await Promise.all(arrays.map(contents)), float, progress);
      }
      const { width, height, data } = picture;
      return network.for_picture(device, new Picture(width, height, data, preset, threshold), float, progress);
    });
    try {
      await timed("compiling pipelines, and the first run", () => planned.run());
      let outputs;
      let least = Infinity;
      for (let run = 0; run < runs; run++) {
        const start = performance.now();
        outputs = await planned.run();
        least = Math.min(least, performance.now() - start);
      }
      const seen = await timed("making the picture", () => show(planned));
      const { memory, dispatches } = planned;
      return { stages, least, memory, dispatches, outputs: outputs.map(({ name, about, file }) => ({ name, about, file })), seen };
    } finally {
      planned.free();
    }
  },
};

/** What is shown of a model's outputs, or why nothing can be. */
async function show(planned) {
  try {
    const seen = await planned.show();
    if (!seen) return seen;
    const { output, kind, width, height, pixels, boxes } = seen;
    const found = Array.from({ length: boxes.length / 6 }, (_, index) => {
      const [label, score, ...corners] = boxes.subarray(6 * index, 6 * index + 6);
      return { label, score, corners, colour: [...label_colour(label)] };
    });
    return { output, kind, width, height, pixels, boxes: found };
  } catch (error) {
    if (broken(error)) throw error;
    return { refusal: error.message };
  }
}

const contents = async (file) => new Uint8Array(await file.arrayBuffer());

function of({ x, y, radius, strength, swirl, spacing, filter }) {
  return new Controls(x, y, radius, strength, swirl, spacing, filter);
}

async function bytes(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} cannot be fetched: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function answer(id, name, given) {
  try {
    if (device === null) {
      await init({ module_or_path: new URL("pliant_web_bg.wasm", import.meta.url) });
      device = await Device.open();
    }
    const value = await functions[name](given, (report) => postMessage({ id, report }));
    postMessage({ id, value }, value?.buffer ? [value.buffer] : []);
  } catch (error) {
    postMessage({ id, error: error.message ?? String(error), fatal: device === null || broken(error) });
  }
}

/** Whether nothing more can be done here. */
function broken(error) {
  if (error instanceof WebAssembly.RuntimeError) return true;
  try {
    device.check();
    return false;
  } catch {
    return true;
  }
}

let last = Promise.resolve();
onmessage = ({ data: { id, name, given } }) => {
  last = last.then(() => answer(id, name, given));
};
