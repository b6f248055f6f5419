// The self-test: all cases, one after another, and a report.

import { Remote } from "./remote.js";

/** How tensors are stored. */
const DTYPES = ["f32", "f16"];

export class SelfTest {
  #remote = new Remote();
  #run = document.getElementById("test-run");
  #stop = document.getElementById("test-stop");
  #progress = document.getElementById("test-progress");
  #summary = document.getElementById("test-summary");
  #failures = document.getElementById("test-failures");
  #report = document.getElementById("test-report");

  constructor() {
    this.#run.onclick = () => this.run();
    document.getElementById("test-copy").onclick = () => this.#copy();
  }

  /** Judges every case in every element type. */
  async run() {
    this.#run.disabled = true;
    this.#stop.hidden = this.#progress.hidden = false;
    this.#report.hidden = true;
    const stop = new AbortController();
    this.#stop.onclick = () => {
      stop.abort(new Error("stopped"));
      this.#remote.end(stop.signal.reason);
    };
    this.#failures.replaceChildren();
    this.#summary.textContent = "Compiling all shaders …";
    const tally = DTYPES.map((dtype) => ({ dtype, passed: 0, failures: [] }));
    const said = [];
    let [about, ended] = ["", ""];
    const start = performance.now();
    try {
      const { commit, goldens } = await (await fetch("files.json", { signal: stop.signal })).json();
      about = `pliant at ${commit}\n${navigator.userAgent}`;
      const { report } = await this.#remote.call("open");
      about += `\n${report}`;
      const { count, messages } = await this.#remote.call("shaders");
      about += `\n${count} shaders compiled, ${messages.length} messages`;
      messages.forEach((message) => this.#fail(said, message));
      this.#summary.textContent = "Fetching the cases …";
      const cases = await this.#remote.call("cases", { names: goldens });
      document.getElementById("test-count").value = cases;
      Object.assign(this.#progress, { max: cases * DTYPES.length, value: 0 });
      for (const of of tally) {
        for (let index = 0; index < cases; index++) {
          const failure = await this.#remote.call("judge", { index, dtype: of.dtype });
          if (failure === undefined) of.passed++;
          else this.#fail(of.failures, failure);
          this.#progress.value++;
          this.#summary.textContent = summary(tally);
        }
      }
    } catch (error) {
      ended = `ended early: ${error.message}`;
    }
    const seconds = `${((performance.now() - start) / 1000).toFixed(1)} s`;
    const lines = [summary(tally), ...(ended ? [ended] : []), seconds];
    this.#summary.textContent = lines.join("; ");
    const failures = tally.flatMap((of) => of.failures).map((why) => `FAILED ${why}`);
    this.#report.querySelector("textarea").value = [about, ...lines, ...said, ...failures].join("\n");
    this.#report.hidden = false;
    document.getElementById("test-copied").value = "";
    this.#stop.hidden = this.#progress.hidden = true;
    this.#run.disabled = false;
  }

  #fail(failures, why) {
    failures.push(why);
    this.#failures.append(Object.assign(document.createElement("li"), { textContent: why }));
  }

  async #copy() {
    const text = this.#report.querySelector("textarea");
    const copied = document.getElementById("test-copied");
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      copied.value = "copied";
    } catch {
      copied.value = "The browser refuses it; the report is selected, to be copied by hand.";
    }
  }
}

function summary(tally) {
  return tally.map(({ dtype, passed, failures }) => `${dtype}: ${passed} passed, ${failures.length} failed`).join("; ");
}
