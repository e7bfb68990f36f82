// How far the database's clock is ahead of this page's. No frame carries the server's time for its own sake, but an
// event of one's own call was written after the call was sent and before the event came: each such event bounds the
// difference from both sides, any other one from below. Where no difference at all is within the bounds, the
// clocks agree as far as anybody can tell, and none is assumed.
export class ClockOffset {
  low = -Infinity; // the database's clock is at least so many ms ahead
  high = Infinity; // and at most so many

  /** An event was written at `written` by the database's clock, and came at `came`; `sent`: when its call was, if known. */
  take(written, came, sent = null) {
    this.low = Math.max(this.low, written - came);
    if (sent !== null) this.high = Math.min(this.high, written - sent);
    // a clock was set meanwhile: begin anew with this one
    if (this.low > this.high) {
      this.low = written - came;
      this.high = sent === null ? Infinity : written - sent;
    }
  }

  get value() {
    return Math.min(Math.max(0, this.low), this.high);
  }

  get isBounded() {
    return Number.isFinite(this.high) && Number.isFinite(this.low);
  }
}
