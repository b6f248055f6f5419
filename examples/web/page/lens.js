// The lens: a frame is computed whenever something has changed, and shown.

import { Remote } from "./remote.js";
import { accept, photo } from "./files.js";

/** The longest side of a photo, in pixels: all samples of all its pixels are made anew for each frame. */
const LONGEST = 640;

/** How far a key moves the lens, in parts of the photo. */
const STEPS = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, -0.02], ArrowDown: [0, 0.02] };

export class Lens {
  #remote = new Remote();
  #canvas = document.getElementById("view");
  #context = this.#canvas.getContext("2d");
  #form = document.getElementById("lens-controls");
  #error = document.getElementById("lens-error");
  #centre = { x: 0.38, y: 0.4 };
  #photo = null;
  #frame = null;
  #hovered = null;
  #video = null;
  /** The number of photos and cameras that were asked for, and which of them was shown last. */
  #asked = 0;
  #shown = 0;
  #changed = false;
  #running = false;
  #works = 0;
  #times = [];
  #kept = "";

  constructor() {
    const form = this.#form;
    form.oninput = ({ target }) => {
      if (target.type !== "file") this.#afresh(() => this.#change());
    };
    form.onsubmit = (event) => event.preventDefault();
    form.onreset = () => this.#afresh(() => this.#reset());
    document.getElementById("camera").onclick = () => this.#afresh(() => this.#camera());
    accept(document.getElementById("lens"), document.getElementById("photo"), ([file]) => this.show(file));

    const within = (part) => Math.min(Math.max(part, 0), 1);
    const place = (event) => {
      const { left, top, width, height } = this.#canvas.getBoundingClientRect();
      return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height) };
    };
    this.#canvas.onpointerdown = (event) => {
      this.#canvas.setPointerCapture(event.pointerId);
      this.#hovered = null;
      this.#move(place(event));
    };
    this.#canvas.onpointermove = (event) => {
      if (event.buttons) return this.#move(place(event));
      this.#hovered = place(event);
      this.#guarded(() => this.#draw());
    };
    this.#canvas.onpointerleave = () => {
      this.#hovered = null;
      this.#guarded(() => this.#draw());
    };
    this.#canvas.onkeydown = (event) => {
      const step = STEPS[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const [right, down] = step;
      this.#move({ x: within(this.#centre.x + right), y: within(this.#centre.y + down) });
    };
  }

  /** Opens the device, and shows the photo that comes with the page, unless another one was chosen. */
  async open() {
    const opened = await this.#remote.call("open");
    const kernels = opened.filters.map((filter, index) => new Option(filter, index));
    this.#form.elements.filter.replaceChildren(...kernels);
    if (this.#shown === 0) {
      const shipped = await fetch("chelsea.png");
      await this.show(await shipped.blob(), 0);
    } else {
      await this.#afresh(async () => {
        await this.#take(this.#photo);
        this.#change();
      });
    }
    return opened;
  }

  /** Puts the lens over a photo from a file, unless what was asked for later is shown by then. */
  async show(file, turn = ++this.#asked) {
    await this.#afresh(async () => {
      const shown = await photo(file, LONGEST);
      if (turn < this.#shown) return;
      this.#shown = turn;
      this.#stop();
      await this.#take(shown);
      this.#change();
    });
  }

  async #take(shown) {
    this.#photo = shown;
    const { width, height, data } = shown;
    const { spacing } = await this.#remote.call("photo", { width, height, pixels: data });
    Object.assign(this.#canvas, { width, height });
    this.#kept = "";
    this.#form.elements.spacing.value = spacing;
  }

  async #reset() {
    // The fields have their values again once the event is over.
    await new Promise((done) => setTimeout(done));
    this.#centre = { x: 0.38, y: 0.4 };
    if (this.#photo) await this.#take(this.#photo);
    this.#change();
  }

  #move(centre) {
    this.#centre = centre;
    this.#form.elements.wander.checked = false;
    this.#afresh(() => this.#change());
  }

  #controls() {
    const { strength, swirl, radius, spacing, filter } = this.#form.elements;
    const [strong, turned, wide, apart, kernel] = [strength, swirl, radius, spacing, filter].map((field) => Number(field.value));
    return { ...this.#centre, strength: strong, swirl: turned, radius: wide, spacing: apart, filter: kernel };
  }

  #change() {
    for (const field of this.#form.querySelectorAll("input[type=range]")) {
      field.parentElement.querySelector("output").value = field.value + (field.dataset.unit ?? "");
    }
    if (this.#photo === null) return;
    this.#changed = true;
    if (!this.#running) this.#guarded(() => this.#run());
  }

  /** Computes frames for as long as something changes. */
  async #run() {
    this.#running = true;
    try {
      while (this.#changed) {
        this.#changed = this.#video !== null || this.#form.elements.wander.checked;
        if (this.#form.elements.wander.checked) this.#wander();
        if (this.#remote.fresh) await this.#take(this.#photo);
        const start = performance.now();
        const pixels = this.#video ? this.#grab() : null;
        const controls = this.#controls();
        this.#frame = await this.#remote.call("frame", { controls, pixels });
        await this.#draw();
        await new Promise(requestAnimationFrame);
        this.#rate(controls, performance.now() - start);
      }
    } finally {
      this.#running = false;
      this.#changed = false;
    }
  }

  #wander() {
    const time = performance.now() / 1000;
    this.#centre = { x: 0.5 + 0.35 * Math.sin(0.7 * time), y: 0.5 + 0.3 * Math.sin(1.1 * time) };
  }

  #rate({ spacing, filter }, milliseconds) {
    // The first frame plans the convolution, and compiles what it needs.
    const planned = `${spacing}, ${filter}`;
    if (planned !== this.#kept) this.#times = [];
    else this.#times = [...this.#times.slice(-29), milliseconds];
    this.#kept = planned;
    if (this.#times.length === 0) return this.#figures(`the first frame took ${milliseconds.toFixed(0)} ms`);
    const mean = this.#times.reduce((sum, time) => sum + time) / this.#times.length;
    this.#figures(`${(1000 / mean).toFixed(1)} frames a second, ${mean.toFixed(0)} ms each`);
  }

  #figures(words) {
    const { width, height } = this.#canvas;
    document.getElementById("rate").value = `${width}×${height} pixels; ${words}`;
  }

  async #draw() {
    if (this.#frame === null) return;
    const { width, height } = this.#canvas;
    if (this.#frame.length !== 4 * width * height) return;
    const samples = this.#hovered && !this.#remote.fresh && (await this.#samples());
    this.#context.putImageData(new ImageData(new Uint8ClampedArray(this.#frame), width, height), 0, 0);
    if (samples) this.#dots(samples);
  }

  async #samples() {
    const { width, height } = this.#canvas;
    const x = Math.min(Math.floor(this.#hovered.x * width), width - 1);
    const y = Math.min(Math.floor(this.#hovered.y * height), height - 1);
    const places = await this.#remote.call("samples", { controls: this.#controls(), x, y });
    return { own: [x, y], places };
  }

  /** The pixel in white, and lines to where it samples the photo. */
  #dots({ own, places }) {
    const context = this.#context;
    const unit = this.#canvas.width / this.#canvas.clientWidth;
    // The centre of pixel 0 is position 0.
    const [x, y] = own.map((place) => place + 0.5);
    const dot = (x, y, radius, colour) => {
      context.fillStyle = colour;
      context.beginPath();
      context.arc(x, y, radius * unit, 0, 2 * Math.PI);
      context.fill();
    };
    context.lineWidth = unit;
    context.strokeStyle = "#ffc43c";
    for (let tap = 0; tap < places.length; tap += 2) {
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(places[tap] + 0.5, places[tap + 1] + 0.5);
      context.stroke();
      dot(places[tap] + 0.5, places[tap + 1] + 0.5, 3, "#ffc43c");
    }
    dot(x, y, 4, "#ffffff");
  }

  async #camera() {
    if (this.#video) return this.#stop();
    const turn = ++this.#asked;
    if (!navigator.mediaDevices) throw new Error("This browser has no camera for the page, which must come by https, or from localhost.");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: LONGEST }, facingMode: "environment" } });
    const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
    try {
      await video.play();
    } catch (error) {
      end(stream);
      throw error;
    }
    if (turn < this.#shown) return end(stream);
    this.#shown = turn;
    this.#stop();
    document.getElementById("camera").textContent = "Stop the camera";
    // A phone that is turned gives other extents.
    video.onresize = () => this.#video?.video === video && this.#guarded(() => this.#film(video, stream));
    await this.#film(video, stream);
  }

  /** Puts the lens over what a camera shows. */
  async #film(video, stream) {
    const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
    const [width, height] = [video.videoWidth, video.videoHeight].map((extent) => Math.max(1, Math.round(extent * scale)));
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    this.#video = { video, stream, context, width, height };
    await this.#take({ width, height, data: this.#grab() });
    this.#change();
  }

  #grab() {
    const { video, context, width, height } = this.#video;
    context.drawImage(video, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  }

  #stop() {
    if (this.#video) end(this.#video.stream);
    this.#video = null;
    document.getElementById("camera").textContent = "Camera";
  }

  /** Does what somebody asks for: what went wrong before is said no more. */
  async #afresh(work) {
    this.#error.textContent = "";
    await this.#guarded(work);
  }

  /** Does some work, and says what went wrong. Meanwhile the page's body is marked as busy. */
  async #guarded(work) {
    this.#works++;
    document.body.dataset.busy = "";
    try {
      await work();
    } catch (error) {
      this.#error.textContent = error.message;
    }
    if (--this.#works === 0) delete document.body.dataset.busy;
  }
}

/** Switches a camera off. */
function end(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
