// The functions that `Remote` calls, one after another, on a device that the first one opens.

import init, { Controls, Device, SelfTest, View, filters, shaders, spacing } from "./pliant_web.js";

let device = null;
let view = null;
let test = null;

const functions = {
  async open() {
    return { name: device.name(), report: device.report(), filters: filters() };
  },

  photo({ width, height, pixels }) {
    view?.free();
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
    const adapter = await navigator.gpu.requestAdapter();
    const subgroups = adapter.features.has("subgroups");
    const compiler = await adapter.requestDevice({ requiredFeatures: subgroups ? ["subgroups"] : [] });
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
};

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
      await init();
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
