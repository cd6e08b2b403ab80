// Sends pictures: four at a time, none while the server asks to wait, and stops where it is in vain.

const AT_ONCE = 4; // of the six connections that browsers open to one server
const PATIENCE = 30; // seconds to wait without being asked to
const MAX_STRIKES = 5; // refusals and failures in a row, after which the rest stays unsent

export class Queue {
  #waiting = [];
  #running = new Map(); // item -> the AbortController of its request
  #strikes = 0;
  #pause = 0; // the timer that ends it, or 0

  /** `send(item, signal)` rejects with Refused; `changed()` is called after every change. */
  constructor(send, changed) {
    Object.assign(this, { send, changed, notice: "", stopped: false });
  }

  get size() {
    return this.#waiting.length + this.#running.size;
  }

  get isIdle() {
    return this.#running.size === 0 && (this.stopped || this.size === 0);
  }

  /** Send these as well, and whatever a stop has left. */
  add(items) {
    items.forEach((item) => item.turn("waiting"));
    this.#waiting.push(...items);
    this.resume();
  }

  resume() {
    this.#strikes = 0;
    this.stopped = false;
    if (!this.#pause) this.notice = "";
    this.#next();
  }

  /** Send no more; what was under way waits again. */
  stop(notice) {
    Object.assign(this, { notice, stopped: true });
    clearTimeout(this.#pause);
    this.#pause = 0;
    this.#waiting.unshift(...this.#abort([...this.#running.keys()]));
    this.changed();
  }

  /** Forget these. */
  remove(items) {
    this.#waiting = this.#waiting.filter((item) => !items.has(item));
    this.#abort([...this.#running.keys()].filter((item) => items.has(item)));
    if (!this.size) this.stopped = false;
    this.#next();
  }

  /** Return those that have no answer yet. */
  #abort(items) {
    for (const item of items) {
      this.#running.get(item).abort();
      this.#running.delete(item);
    }
    const unanswered = items.filter((item) => item.state === "working");
    unanswered.forEach((item) => item.turn("waiting"));
    return unanswered;
  }

  #next() {
    while (!this.stopped && !this.#pause && this.#running.size < AT_ONCE && this.#waiting.length) {
      this.#run(this.#waiting.shift());
    }
    this.changed();
  }

  async #run(item) {
    const controller = new AbortController();
    this.#running.set(item, controller);
    item.turn("working");
    const error = await this.send(item, controller.signal).catch((reason) => reason);
    if (controller.signal.aborted) return;
    this.#running.delete(item);
    this.#settle(item, error);
    this.#next();
  }

  #settle(item, error) {
    if (!error) this.#strikes = 0;
    else if (error.isBusy || error.status === 401) {
      item.turn("waiting");
      this.#waiting.push(item); // last: should it be what breaks workers, the others are done first
      if (error.isBusy) this.#wait(error);
      else this.stop(error.message);
    } else {
      item.fail(error);
      this.#strike(error);
    }
  }

  #wait(error) {
    if (this.#pause || this.stopped) return; // one of four that were refused together
    this.#strike(error);
    if (this.stopped) return;
    this.notice = `${error.message} Trying again in ${error.retryAfter} s.`;
    this.#pause = setTimeout(() => {
      this.#pause = 0;
      this.notice = "";
      this.#next();
    }, error.retryAfter * 1000);
  }

  /** An error that is the picture's own says that the server works. */
  #strike(error) {
    this.#strikes = error.mayPass ? this.#strikes + 1 : 0;
    if ((this.#strikes === MAX_STRIKES && this.size) || error.retryAfter > PATIENCE) this.stop(error.message);
  }
}
