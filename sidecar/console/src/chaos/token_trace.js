// What becomes of a token that expires soon, by the frames of a client: connected with it, told that it expires, a new
// one accepted on the same connection, or none.
//
//   const trace = new TokenTrace(now);   trace.take(frame) -> a sentence when it has come to something, else null

const short = (session) => String(session ?? '').slice(0, 8);
const secondsUntil = (time, now) => `${Math.max(Math.round((time - now) / 1000), 0)} s`;

export class TokenTrace {
  isOver = false;
  #begun;
  #session = null; // of the connection that was made with the short one
  #told = null; // when its end was announced
  #auth = null; // requestId of the new one

  constructor(begun) {
    this.#begun = begun;
  }

  // frame: { direction, at, json }, as a client tells it
  take({ direction, at, json: { type, requestId, payload } }) {
    if (this.isOver) return null;
    if (direction === 'out') {
      if (type === 'auth') this.#auth = requestId;
      return null;
    }
    if (type === 'connected') return this.#connected(at, payload);
    if (this.#session === null) return null;
    if (type === 'token_expiring' || type === 'token_expired') this.#told ??= at;
    if (requestId !== undefined && requestId === this.#auth) return this.#answered(at, type, payload);
    return null;
  }

  #connected(at, { session, expiresAt }) {
    // a stream says it again and again
    if (this.#session === session) return null;
    if (this.#session !== null) {
      this.isOver = true;
      return `the token ran out; a new connection was made with a new one (session ${short(session)})`;
    }
    this.#session = session;
    return `back ${at - this.#begun} ms later with a token for ${secondsUntil(expiresAt, at)} (session ${short(session)})`;
  }

  #answered(at, type, payload) {
    if (type !== 'result') return `the new token was refused: ${payload?.code}`;
    this.isOver = true;
    const isSame = payload.session === this.#session;
    const when = this.#told === null ? '' : `, ${at - this.#told} ms after the end was announced`;
    return `a new token was accepted${when}, on ${isSame ? 'the same' : 'another'} connection (session ${short(payload.session)}), for ${secondsUntil(payload.expiresAt, at)}`;
  }
}
