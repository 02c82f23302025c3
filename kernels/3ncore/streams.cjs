'use strict';
// Printed text becomes few messages: a loop that prints thousands of lines would overrun slow front ends.
const maxLength = 1 << 16;
const intervalMs = 50;

/** Joins what is printed within a short time; the first text after a pause goes out at once. */
class StreamJoiner {
  text = '';
  sentAt = -Infinity;

  constructor(send) {
    this.send = send;
  }

  write(name, text) {
    if (name !== this.name) this.flush();
    this.name = name;
    this.text += text;
    if (this.text.length >= maxLength || performance.now() - this.sentAt >= intervalMs) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), intervalMs);
  }

  /** Sends what waits; called before any other output, so that the order stays. */
  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.text === '') return;
    const { name, text } = this;
    this.text = '';
    this.sentAt = performance.now();
    this.send(name, text);
  }
}

module.exports = { StreamJoiner };
