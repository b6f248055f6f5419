// The page: each part has a worker of its own, and goes on working where another's device is lost.

import { Lens } from "./lens.js";
import { Model } from "./model.js";
import { SelfTest } from "./self_test.js";

const find = (id) => document.getElementById(id);

async function start() {
  find("no-webgpu").hidden = true;
  if (!navigator.gpu) return refuse("The browser has no navigator.gpu.");
  try {
    const { name } = await lens.open();
    find("adapter").textContent = name;
  } catch (error) {
    refuse(error.message);
  }
}

function refuse(why) {
  find("adapter").textContent = "no adapter";
  find("no-webgpu-why").textContent = why;
  find("no-webgpu").hidden = false;
}

const lens = new Lens();
new Model();
new SelfTest();
find("again").onclick = start;
await start();
