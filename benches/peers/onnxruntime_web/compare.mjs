// Models by the page and by onnxruntime-web with its WebGPU provider, in one Chromium on SwiftShader: scripts/web --compare FOLDER...
//
// A folder has model.onnx, inputs/NAME.npy and outputs/NAME.npy. Printed as Markdown: the milliseconds from the file to the first result, with the
// program loaded already; the least of the runs after it, with the outputs read back; and how far the outputs are from those expected.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { open } from "./browser.mjs";

const RUNS = 10;
const { PLIANT_WEB } = process.env;
const browser = await open(join(PLIANT_WEB, "page"));
browser.put("/blank.html", "<!doctype html><title>onnxruntime-web</title>");
for (const name of ["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"]) {
  browser.put(`/ort/${name}`, await readFile(join("node_modules/onnxruntime-web/dist", name)));
}

const files = async (folder) => {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".npy"));
  return Promise.all(names.map(async (name) => ({ name, base64: (await readFile(join(folder, name))).toString("base64") })));
};

/** What both pages need: bytes of a file, and numbers of an array. */
const HELPERS = () => {
  window.bytes = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  window.parsed = (file) => {
    const length = new DataView(file.buffer, file.byteOffset).getUint16(8, true);
    const header = new TextDecoder().decode(file.subarray(10, 10 + length));
    const descr = /'descr': '(..)(.)'/.exec(header);
    const dims = /'shape': \(([^)]*)\)/.exec(header)[1].split(",").filter((part) => part.trim()).map(Number);
    const Kind = { "<f4": Float32Array, "<i4": Int32Array, "<i8": BigInt64Array, "<f8": Float64Array }[descr[1] + descr[2]];
    return { dims, numbers: new Kind(file.slice(10 + length).buffer) };
  };
  window.difference = (numbers, expected) => {
    let most = 0;
    numbers.forEach((value, index) => {
      const apart = Math.abs(Number(value) - Number(expected[index]));
      most = apart <= most ? most : apart;
    });
    return most;
  };
};

const by = {
  pliant: ["/", async ({ model, inputs, outputs, runs }) => {
    const { Remote } = await import("./remote.js");
    const remote = new Remote();
    await remote.call("open");
    const file = (name, base64) => new File([bytes(base64)], name);
    const start = performance.now();
    await remote.call("model", { file: file("model.onnx", model), data: [] });
    const read = performance.now() - start;
    const arrays = inputs.map(({ name, base64 }) => file(name, base64));
    const given = await remote.call("run", { arrays, float: "f32", runs });
    const [planned, run] = given.stages.map(({ milliseconds }) => milliseconds);
    const far = given.outputs.map(({ name, file }) => {
      const expected = outputs.find((output) => output.name === `${name}.npy`);
      return expected ? difference(parsed(file).numbers, parsed(bytes(expected.base64)).numbers) : 0;
    });
    return { first: read + planned + run, least: given.least, far: Math.max(...far) };
  }],
  "onnxruntime-web": ["/blank.html", async ({ model, inputs, outputs, runs }) => {
    const ort = await import("/ort/ort.webgpu.min.mjs");
    ort.env.wasm.wasmPaths = "/ort/";
    ort.env.wasm.numThreads = 1;
    // A model of one node that is none loads the program.
    await ort.InferenceSession.create(new Uint8Array(1), { executionProviders: ["webgpu"] }).catch(() => {});
    const start = performance.now();
    const session = await ort.InferenceSession.create(bytes(model), { executionProviders: ["webgpu"] });
    const feeds = {};
    for (const { name, base64 } of inputs) {
      const { dims, numbers } = parsed(bytes(base64));
      const kind = { Float32Array: "float32", Int32Array: "int32", BigInt64Array: "int64", Float64Array: "float64" }[numbers.constructor.name];
      feeds[name.replace(/\.npy$/, "")] = new ort.Tensor(kind, numbers, dims);
    }
    let results = await session.run(feeds);
    const first = performance.now() - start;
    let least = Infinity;
    for (let run = 0; run < runs; run++) {
      const start = performance.now();
      results = await session.run(feeds);
      for (const name of session.outputNames) await results[name].getData();
      least = Math.min(least, performance.now() - start);
    }
    const far = session.outputNames.map((name) => {
      const expected = outputs.find((output) => output.name === `${name}.npy`);
      return expected ? difference(results[name].data, parsed(bytes(expected.base64)).numbers) : 0;
    });
    return { first, least, far: Math.max(...far) };
  }],
};

console.log("| model | by | first ms | least ms | farthest from expected |\n| --- | --- | ---: | ---: | ---: |");
for (const folder of process.argv.slice(2)) {
  const given = {
    model: (await readFile(join(folder, "model.onnx"))).toString("base64"),
    inputs: await files(join(folder, "inputs")),
    outputs: await files(join(folder, "outputs")),
    runs: RUNS,
  };
  for (const [name, [path, run]] of Object.entries(by)) {
    const page = await browser.page({ path, init: HELPERS });
    try {
      const { first, least, far } = await page.evaluate(run, given);
      console.log(`| ${basename(folder)} | ${name} | ${first.toFixed(0)} | ${least.toFixed(1)} | ${far.toExponential(1)} |`);
    } catch (error) {
      const message = error.message.replace(/\s+/g, " ").replace(/^page\.evaluate: /, "");
      console.log(`| ${basename(folder)} | ${name} | fails: ${message} | | |`);
    }
    await page.close();
  }
}
await browser.close();
