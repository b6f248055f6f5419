// A worker that has a device of its own, so that nothing on the page waits while it computes. Where the device is lost, or the program broke down,
// the next call starts another worker.

export class Remote {
  #worker = null;
  #calls = new Map();
  #next = 0;

  /** Calls a function of worker.js, and gives what it answers. `progress` is called with what it reports meanwhile. */
  call(name, given = {}, { transfer = [], progress = () => {} } = {}) {
    this.#worker ??= this.#start();
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject, progress });
      this.#worker.postMessage({ id, name, given }, transfer);
    });
  }

  /** Whether the next call starts a worker, which knows nothing of earlier calls. */
  get fresh() {
    return this.#worker === null;
  }

  /** Ends the worker and all calls. */
  end(why) {
    this.#worker?.terminate();
    this.#worker = null;
    for (const { reject } of this.#calls.values()) reject(why);
    this.#calls.clear();
  }

  #start() {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = ({ data: { id, value, error, report, fatal } }) => {
      const call = this.#calls.get(id);
      if (report !== undefined) return call?.progress(report);
      this.#calls.delete(id);
      if (error === undefined) return call?.resolve(value);
      call?.reject(new Error(error));
      if (fatal) this.end(new Error(error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(new Error(event.message ? `the page's program failed: ${event.message}` : "the page's program could not be loaded"));
    };
    return worker;
  }
}
