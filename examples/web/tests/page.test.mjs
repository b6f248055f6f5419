// The page, as somebody uses it. PLIANT_WEB names the folder with the built page and the native program's pictures, PLIANT_MODELS the
// folder tests/onnx.

import assert from "node:assert/strict";
import { readdir, readFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { open } from "./browser.mjs";

const { PLIANT_WEB: folder, PLIANT_MODELS: models } = process.env;
const DESKTOP = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844 };
/** A self-test takes some minutes on two cores. */
const LONG = 280_000;

let browser;
before(async () => {
  await mkdir(join(folder, "screenshots"), { recursive: true });
  browser = await open(join(folder, "page"));
});
after(() => browser.close());

/** Waits until an element's text is as wanted, and gives it. */
async function text(page, selector, wanted, timeout = 60_000) {
  await page.waitForFunction(
    ([selector, source]) => new RegExp(source).test(document.querySelector(selector).textContent),
    [selector, wanted.source],
    { timeout },
  );
  return page.locator(selector).textContent();
}

const shot = (page, name) => page.screenshot({ path: join(folder, "screenshots", `${name}.png`), fullPage: true });

/** The pixels of a canvas, as red, green, blue and opacity. */
const pixels = (page, selector) =>
  page.evaluate((selector) => {
    const canvas = document.querySelector(selector);
    const { width, height } = canvas;
    return { width, height, data: [...canvas.getContext("2d").getImageData(0, 0, width, height).data] };
  }, selector);

/** Those of a PNG. */
const decoded = async (page, file) =>
  page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    const bitmap = await createImageBitmap(new Blob([bytes]), options);
    const { width, height } = bitmap;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return { width, height, data: [...context.getImageData(0, 0, width, height).data] };
  }, (await readFile(file)).toString("base64"));

/** Waits until the lens has shown a frame. */
const shown = (page) => text(page, "#rate", /ms/);

/** Waits until the lens has nothing more to do. */
const idle = (page) => page.waitForFunction(() => document.body.dataset.busy === undefined);

/** A PNG of one colour. */
const plain = async (page, width, height) =>
  Buffer.from(
    await page.evaluate(async (extents) => {
      const canvas = new OffscreenCanvas(...extents);
      canvas.getContext("2d").fillRect(0, 0, ...extents);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    }, [width, height]),
  );

/** Chooses a kernel, and waits for its picture. */
const filtered = async (page, filter) => {
  await page.selectOption("[name=filter]", String(filter));
  await idle(page);
};

test("the lens gives the picture that the native program gives", async (context) => {
  const start = performance.now();
  const page = await browser.page({ viewport: DESKTOP });
  await shown(page);
  context.diagnostic(`first picture ${((performance.now() - start) / 1000).toFixed(1)} s after the page was asked for`);
  context.diagnostic(`${await page.locator("#adapter").textContent()}; ${await page.locator("#rate").textContent()}`);
  for (const [filter, name] of ["lens", "smooth", "sharpen", "edges", "emboss"].entries()) {
    await filtered(page, filter);
    const [web, native] = [await pixels(page, "#view"), await decoded(page, join(folder, "native", `${name}.png`))];
    assert.equal(web.width, native.width);
    // The native picture has a caption below.
    assert.ok(web.height < native.height);
    const farthest = web.data.reduce((most, value, index) => Math.max(most, Math.abs(value - native.data[index])), 0);
    context.diagnostic(`${name}: at most ${farthest} of 255 apart`);
    assert.ok(farthest <= 1, `${name} is ${farthest} of 255 apart`);
  }
  await filtered(page, 0);
  await page.hover("#view", { position: { x: 300, y: 200 } });
  await page.waitForTimeout(500);
  await shot(page, "lens-desktop");
  await page.close();
});

test("the lens is dragged, and its controls change the picture", async () => {
  const page = await browser.page({ viewport: PHONE });
  await shown(page);
  const before = await pixels(page, "#view");
  await shot(page, "lens-phone");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, "the page is wider than a phone");
  const changed = async (doing) => {
    await doing();
    await idle(page);
    return (await pixels(page, "#view")).data.some((value, index) => value !== before.data[index]);
  };
  const { x, y, width, height } = await page.locator("#view").boundingBox();
  assert.ok(
    await changed(async () => {
      await page.mouse.move(x + 0.4 * width, y + 0.4 * height);
      await page.mouse.down();
      await page.mouse.move(x + 0.7 * width, y + 0.6 * height, { steps: 4 });
      await page.mouse.up();
      await page.mouse.move(x, y - 5);
    }),
  );
  await page.click("button[type=reset]");
  assert.ok(await changed(() => page.locator("[name=strength]").fill("-0.5")));
  assert.ok(!(await changed(() => page.click("button[type=reset]"))));
  assert.ok(await changed(() => page.press("#view", "ArrowRight")));
  await page.close();
});

test("the camera's picture goes through the lens", async () => {
  const page = await browser.page();
  await shown(page);
  await page.click("#camera");
  await text(page, "#rate", /^640×480 pixels; .* frames a second/);
  await page.click("#camera");
  await idle(page);
  await page.close();
});

test("a camera that is asked for twice, or cannot play, is switched off", async () => {
  const page = await browser.page({
    init: () => {
      const { mediaDevices } = navigator;
      const asked = mediaDevices.getUserMedia.bind(mediaDevices);
      window.streams = [];
      mediaDevices.getUserMedia = async (wanted) => {
        const stream = await asked(wanted);
        window.streams.push(stream);
        return stream;
      };
    },
  });
  const on = () => page.evaluate(() => window.streams.map((stream) => stream.getTracks().some(({ readyState }) => readyState === "live")));
  await shown(page);
  await page.evaluate(() => document.getElementById("camera").click());
  await page.click("#camera");
  await text(page, "#camera", /Stop/);
  assert.deepEqual(await on(), [false, true]);
  await page.click("#camera");
  assert.deepEqual(await on(), [false, false]);
  await page.evaluate(() => (HTMLMediaElement.prototype.play = async () => { throw new Error("no film"); }));
  await page.click("#camera");
  await text(page, "#lens-error", /no film/);
  assert.deepEqual(await on(), [false, false, false]);
  await page.close();
});

test("of two photos the one that came last is shown", async () => {
  const page = await browser.page();
  await shown(page);
  await page.evaluate(() => {
    const decode = window.createImageBitmap;
    window.createImageBitmap = async (file, options) => {
      if (file.name === "slow.png") await new Promise((done) => setTimeout(done, 500));
      return decode(file, options);
    };
  });
  for (const [name, extents] of [["slow.png", [30, 20]], ["fast.png", [50, 40]]]) {
    await page.setInputFiles("#photo", { name, mimeType: "image/png", buffer: await plain(page, ...extents) });
  }
  await idle(page);
  const { width, height } = await pixels(page, "#view");
  assert.deepEqual([width, height], [50, 40]);
  await page.close();
});

test("a file that is dropped beside the sections leaves the page as it is", async () => {
  const page = await browser.page();
  const stays = ["dragover", "drop"].map((name) =>
    page.evaluate((name) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["words"], "words.txt"));
      return !document.body.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer }));
    }, name),
  );
  assert.deepEqual(await Promise.all(stays), [true, true]);
  await page.close();
});

test("all goldens pass in f32 and f16", { timeout: LONG + 60_000 }, async (context) => {
  const goldens = join(folder, "page", "goldens");
  const names = await readdir(goldens);
  const rejects = JSON.parse(await readFile(join(goldens, "rejects.json"))).length;
  const cases = names.filter((name) => name.endsWith(".safetensors")).length + rejects;
  const page = await browser.page({ viewport: DESKTOP });
  await page.click("#test-run");
  await page.locator("#test-report").waitFor({ timeout: LONG });
  const report = await page.locator("#test-report textarea").inputValue();
  context.diagnostic(report);
  await shot(page, "self-test-desktop");
  assert.match(report, /\d{3} shaders compiled, 0 messages/);
  assert.match(report, new RegExp(`f32: ${cases} passed, 0 failed; f16: ${cases} passed, 0 failed`));
  await page.close();
});

test("a lost device is told, and the next frame has another", async () => {
  const page = await browser.page();
  await shown(page);
  const { x, y } = await page.locator("#view").boundingBox();
  await page.evaluate(() => window.lose());
  await page.locator("[name=swirl]").fill("90");
  await text(page, "#lens-error", /lost/);
  await page.mouse.move(x + 20, y + 20);
  await idle(page);
  const before = await pixels(page, "#view");
  await page.mouse.move(0, 0);
  await page.locator("[name=swirl]").fill("-120");
  await text(page, "#lens-error", /^$/);
  await idle(page);
  assert.equal(await page.locator("#lens-error").textContent(), "");
  assert.ok((await pixels(page, "#view")).data.some((value, index) => value !== before.data[index]));
  await page.close();
});

test("a self-test whose device is lost ends early, and can be run again", async () => {
  const page = await browser.page();
  await shown(page);
  await page.click("#test-run");
  await text(page, "#test-summary", /f32: \d\d? passed/);
  await page.evaluate(() => window.lose());
  assert.match(await text(page, "#test-summary", /ended early/), /lost/);
  await page.click("#test-run");
  await text(page, "#test-summary", /f32: \d\d? passed, 0 failed/);
  await page.click("#test-stop");
  await text(page, "#test-summary", /ended early: stopped/);
  await page.evaluate(() => {
    navigator.clipboard.writeText = async () => { throw new Error("refused"); };
    document.getElementById("test-run").click();
    document.getElementById("test-stop").click();
  });
  await text(page, "#test-summary", /f32: 0 passed, 0 failed; .*ended early: stopped/);
  await page.click("#test-copy");
  await text(page, "#test-copied", /selected/);
  await page.close();
});

test("a refused adapter is told, with what to do, and may come later", async () => {
  const page = await browser.page({ refused: true, viewport: PHONE });
  assert.match(await text(page, "#no-webgpu-why", /./), /no adapter through WebGPU was found/);
  await shot(page, "no-webgpu-phone");
  await page.setInputFiles("#photo", { name: "own.png", mimeType: "image/png", buffer: await plain(page, 50, 40) });
  await text(page, "#lens-error", /WebGPU/);
  browser.admit();
  await page.click("#again");
  await text(page, "#rate", /^50×40 pixels/);
  assert.ok(await page.locator("#no-webgpu").isHidden());
  await page.close();
});

test("a browser without WebGPU is told which have it", async () => {
  const page = await browser.page({ init: () => Object.defineProperty(Navigator.prototype, "gpu", { get: () => undefined }) });
  await text(page, "#no-webgpu-why", /navigator.gpu/);
  await page.locator("[name=swirl]").fill("90");
  await page.press("#view", "ArrowLeft");
  await page.click("button[type=reset]");
  await idle(page);
  assert.equal(await page.locator("#lens-error").textContent(), "");
  assert.match(await page.locator("#no-webgpu").textContent(), /Safari .* Firefox/s);
  await page.close();
});

test("a file that is no picture is told, and the lens goes on", async () => {
  const page = await browser.page();
  await shown(page);
  await page.setInputFiles("#photo", { name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await text(page, "#lens-error", /broken\.png is no picture/);
  await page.locator("[name=swirl]").fill("90");
  await text(page, "#lens-error", /^$/);
  await page.close();
});

/** The elements of an .npy file of f32. */
const elements = (file) => new Float32Array(file.buffer.slice(file.byteOffset + 10 + file.readUInt16LE(8), file.byteOffset + file.length));

/** An output of a model, as the page gives it to be kept. */
async function kept(page, name) {
  const download = page.waitForEvent("download");
  await page.click(`#model-outputs a[download="${name}.npy"]`);
  return elements(await readFile(await (await download).path()));
}

test("a model gives what is expected of it", async (context) => {
  const page = await browser.page({ viewport: DESKTOP });
  await page.setInputFiles("#model-files", ["net.onnx", "net.x.npy"].map((name) => join(models, name)));
  await page.locator("#model-result").waitFor();
  const [actual, expected] = [await kept(page, "y"), elements(await readFile(join(models, "net.y.npy")))];
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = actual.reduce((most, value, index) => Math.max(most, Math.abs(value - expected[index])), 0);
  context.diagnostic(`at most ${apart.toExponential(1)} apart, of ${largest.toFixed(3)}`);
  assert.ok(apart <= 1e-4 * largest);
  await page.close();
});

test("a detector finds boxes in a picture", async (context) => {
  const page = await browser.page({ viewport: DESKTOP });
  await page.locator("[name=threshold]").fill("0.25");
  const picture = join(folder, "page", "chelsea.png");
  await page.setInputFiles("#model-files", [join(models, "models/rtdetr_dy20/model.onnx"), picture]);
  assert.match(await text(page, "#model-caption", /boxes of logits/), /^[1-9]\d* boxes/);
  context.diagnostic(await page.locator("#model-stages").textContent());
  await shot(page, "model-desktop");
  await page.setViewportSize(PHONE);
  await shot(page, "model-phone");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width, "the page is wider than a phone");
  await page.close();
});

test("a model that cannot run or be read is told in words, and another one runs", async () => {
  const page = await browser.page();
  const net = await readFile(join(models, "net.onnx"));
  const unknown = Buffer.from(net.toString("latin1").replaceAll("Relu", "Rely"), "latin1");
  const drop = (name, buffer) => page.setInputFiles("#model-files", { name, mimeType: "application/octet-stream", buffer });
  await drop("broken.onnx", net.subarray(0, 100));
  assert.match(await text(page, "#model-error", /./), /ONNX|model|file/);
  await drop("unknown.onnx", unknown);
  await text(page, "#model-operators", /Rely, which cannot run: /);
  await page.setInputFiles("#model-files", join(models, "net.x.npy"));
  await text(page, "#model-error", /Rely/);
  await page.setInputFiles("#model-files", ["net.onnx", "net.x.npy"].map((name) => join(models, name)));
  await page.locator("#model-result").waitFor();
  await page.evaluate(() => window.lose());
  await page.setInputFiles("#model-files", join(models, "net.x.npy"));
  await text(page, "#model-error", /lost/);
  await page.setInputFiles("#model-files", ["net.onnx", "net.x.npy"].map((name) => join(models, name)));
  await page.locator("#model-result").waitFor();
  await page.close();
});

test("files that cannot be used change nothing, and later ones are used", async () => {
  const page = await browser.page();
  const net = await readFile(join(models, "net.onnx"));
  const values = await readFile(join(models, "net.x.npy"));
  const picture = await plain(page, 40, 30);
  const png = (name, buffer) => ({ name, mimeType: "image/png", buffer });
  const file = (name, buffer) => ({ name, mimeType: "application/octet-stream", buffer });
  const drop = (...files) => page.setInputFiles("#model-files", files);
  await drop(file("first.onnx", net), file("net.x.npy", values));
  await page.locator("#model-result").waitFor();
  await drop(file("second.onnx", net), png("broken.png", Buffer.from("no picture")));
  await text(page, "#model-error", /broken\.png is no picture/);
  await drop(file("other.npy", values));
  await page.locator("#model-result").waitFor();
  assert.match(await page.locator("#model-about").textContent(), /first\.onnx/);
  // A run that waits is not lost where what was dropped behind it cannot be read.
  await page.evaluate((contents) => {
    const field = document.getElementById("model-files");
    for (const named of [Object.entries(contents), [["broken.png", []]]]) {
      const files = new DataTransfer();
      const type = (name) => (name.endsWith(".png") ? "image/png" : "");
      named.forEach(([name, bytes]) => files.items.add(new File([Uint8Array.from(bytes)], name, { type: type(name) })));
      field.files = files.files;
      field.dispatchEvent(new Event("change"));
    }
  }, { "third.onnx": [...net], "net.x.npy": [...values] });
  await text(page, "#model-about", /third\.onnx/);
  await page.locator("#model-result").waitFor();
  assert.match(await page.locator("#model-error").textContent(), /broken\.png is no picture/);
  await drop(file("cut.onnx", net.subarray(0, 100)));
  const why = await text(page, "#model-error", /./);
  assert.equal(await page.locator("#model-about").textContent(), "");
  await drop(png("picture.png", picture));
  await page.waitForTimeout(500);
  assert.equal(await text(page, "#model-error", /./), why);
  await page.close();
});

test("of runs that are asked for at once the last one is done and shown", async () => {
  const page = await browser.page({
    init: () => {
      const { postMessage } = Worker.prototype;
      window.runs = 0;
      Worker.prototype.postMessage = function (message, ...more) {
        window.runs += message.name === "run";
        return postMessage.call(this, message, ...more);
      };
    },
  });
  await page.setInputFiles("#model-files", ["net.onnx", "net.x.npy"].map((name) => join(models, name)));
  for (const float of ["f16", "f32", "f16", "f32", "f16"]) await page.selectOption("[name=float]", float);
  await page.waitForFunction(() => !document.getElementById("model-result").hidden && document.getElementById("model-outputs").textContent.includes("f16"));
  await page.waitForTimeout(1000);
  assert.match(await page.locator("#model-outputs").textContent(), /^y \(.* of f16\)[^()]*$/);
  assert.ok(await page.locator("#model-progress").isHidden());
  assert.equal(await page.locator("#model-error").textContent(), "");
  const runs = await page.evaluate(() => window.runs);
  assert.ok(runs < 6, `${runs} runs`);
  await page.close();
});

test("nothing but the page's own files was asked for, and no script failed", () => {
  const others = browser.heard.requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(browser.origin));
  assert.deepEqual(others, []);
  assert.deepEqual(browser.heard.errors, []);
});

test("the browser's compiler says nothing of any shader", (context) => {
  const { shaders } = browser.heard;
  context.diagnostic(`${shaders.size} shaders were compiled`);
  assert.ok(shaders.size > 50);
  assert.deepEqual([...shaders].filter(([, said]) => said.length), []);
});
