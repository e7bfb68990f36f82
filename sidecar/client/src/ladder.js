import { HttpLink } from './http.js';
import { SocketLink } from './socket.js';

const PATIENCE = { websocket: 3000, sse: 2500, poll: 8000 }; // until `connected`; blocked to polling within 10 s
const LONG_PATIENCE = 10000; // when there is something else to live on
const SOON = 5000; // another try of a better transport that did work
const LATER = 60000; // of one that never did
const LAST = 600000; // the longest between two such

/**
 * Which transport is tried: down, from one that does not work to the next; up again, from time to time, while
 * the connection lives on the one that does.
 *
 * What must stay true: a transport that did work on this page is given up only when it fails twice in a
 * row; what is tried on the way up disturbs nothing before it is connected, and then takes over.
 */
export class Ladder {
  _better = null; // the link that is tried on the way up
  #level = 0; // of #transports, which one is next
  #worked = new Set(); // kinds
  #misses = 0; // in a row, of one that did work
  #tries = 0; // of going up
  #timer;
  #transports;
  #connection;
  #core;

  constructor(core, connection) {
    this.#core = core;
    this.#transports = core._options.transports ?? ['websocket', 'sse', 'poll'];
    this.#connection = connection;
  }

  /** A link over the transport that is next, or the one given. */
  _open(token, resume, level = this.#level, patience) {
    const _kind = this.#transports[level];
    const about = { _kind, _level: level, _token: token, _resume: resume, _patience: patience ?? PATIENCE[_kind] };
    return new (_kind === 'websocket' ? SocketLink : HttpLink)(this.#core, this.#connection, about);
  }

  /** Begins at the top again. */
  _reset() {
    this.#level = 0;
  }

  /** This link did not work: is the next transport to be tried at once? */
  _goesDown({ _kind, _level }) {
    if (this.#worked.has(_kind) && ++this.#misses < 2) return false;
    this.#level = (_level + 1) % this.#transports.length;
    return this.#level > 0;
  }

  /** This link works. */
  _works({ _kind, _level }) {
    this.#worked.add(_kind);
    this.#level = _level;
    this.#misses = this.#tries = 0;
    this._better = null;
    this.#plan();
  }

  /** The link that was tried on the way up did not work. */
  _gaveUp() {
    this._better = null;
    this.#plan();
  }

  /** There is nothing to go up from. */
  _stop() {
    this.#core._timers._clear(this.#timer);
    this._better?._end();
    this._better = null;
  }

  #plan() {
    const { _timers } = this.#core;
    _timers._clear(this.#timer);
    if (this.#level === 0) return;
    const level = this.#tries % this.#level;
    const delay = (this.#worked.has(this.#transports[level]) ? SOON : LATER) * 2 ** this.#tries++;
    this.#timer = _timers._set(Math.min(delay, LAST), () => this.#goUp(level));
  }

  async #goUp(level) {
    const link = this.#connection._link;
    const token = await this.#connection._token('connect');
    if (link !== this.#connection._link) return;
    if (token) this._better = this._open(token, null, level, LONG_PATIENCE);
    else this.#plan();
  }
}
