// A page of the built folder in headless Chromium on SwiftShader, off the network.

import { createServer } from "node:http";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

const ARGUMENTS = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
];

/** Goes in front of the page's worker: hears what the browser's compiler says, and loses the device or refuses an adapter where a test asks for it. */
const HOOKS = `
const tests = new BroadcastChannel("tests");
const createShaderModule = GPUDevice.prototype.createShaderModule;
GPUDevice.prototype.createShaderModule = function (descriptor) {
  const made = createShaderModule.call(this, descriptor);
  made.getCompilationInfo().then(({ messages }) => {
    const said = messages.map(({ type, message, lineNum }) => type + " in line " + lineNum + ": " + message);
    tests.postMessage({ shader: descriptor.label ?? "", said });
  });
  return made;
};
const requestDevice = GPUAdapter.prototype.requestDevice;
GPUAdapter.prototype.requestDevice = async function (descriptor) {
  const device = await requestDevice.call(this, descriptor);
  tests.addEventListener("message", ({ data }) => data === "lose" && device.destroy());
  return device;
};
`;

const NO_ADAPTER = `navigator.gpu.requestAdapter = async () => null;\n`;

/** Serves a folder on localhost. What `files` has comes before the folder's. */
async function serve(folder, files) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname)).replace(/\/$/, "/index.html");
    try {
      const body = files.get(path) ?? (await readFile(join(folder, path)));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "cache-control": "no-store" });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** A browser for tests, the pages of which note what is asked of the network and what Tint says. */
export async function open(folder) {
  const data = await mkdtemp(join(tmpdir(), "pliant-web-"));
  const files = new Map();
  const server = await serve(folder, files);
  const origin = `http://localhost:${server.address().port}`;
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const context = await chromium.launchPersistentContext(data, { executablePath, args: ARGUMENTS, permissions: ["camera"] });
  const worker = await readFile(join(folder, "worker.js"), "utf8");
  const heard = { requests: [], shaders: new Map(), errors: [] };

  await context.exposeFunction("heard", ({ shader, said }) => heard.shaders.set(shader, said));
  await context.addInitScript(() => {
    const tests = new BroadcastChannel("tests");
    tests.onmessage = ({ data }) => data.said && window.heard(data);
    window.lose = () => tests.postMessage("lose");
  });
  context.on("request", (request) => heard.requests.push(request.url()));

  return {
    heard,
    origin,
    /** A new page; its adapter is refused where `refused` is said. */
    async page({ refused = false, ...options } = {}) {
      files.set("/worker.js", HOOKS + (refused ? NO_ADAPTER : "") + worker);
      const page = await context.newPage();
      // A model's first run compiles its pipelines, on the CPU.
      page.setDefaultTimeout(90_000);
      if (options.viewport) await page.setViewportSize(options.viewport);
      if (options.init) await page.addInitScript(options.init);
      page.on("pageerror", (error) => heard.errors.push(error.message));
      page.on("console", (message) => message.type() === "error" && heard.errors.push(message.text()));
      await page.goto(origin + (options.path ?? "/"));
      return page;
    },
    /** Has a file on the server. */
    put: (path, body) => files.set(path, body),
    /** What the next workers of all pages are given. */
    admit() {
      files.set("/worker.js", HOOKS + worker);
    },
    async close() {
      await context.close();
      server.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}
