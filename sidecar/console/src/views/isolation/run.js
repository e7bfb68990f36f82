// Making attempts, one after the other, each for theirs and for what nobody has.
import { maskFrame } from '../inspector/mask.js';
import { forNobody, judge } from './judge.js';
import { Wire } from './wire.js';

const whole = ({ type, payload }) => ({ type, payload });

// A connection is taken up by a connection of its own; all else goes over one.
async function answerTo(frame, wire, connect) {
  if (frame.type !== 'connect') return wire.ask(frame);
  try {
    const other = await connect(frame.payload.resume);
    const answer = other.connected;
    other.close();
    return answer;
  } catch ({ code, message }) {
    return code ? { type: 'error', payload: { code, message } } : null;
  }
}

/** { key, title, request, theirs, nobodys, outcome, differs, at } of one attempt. */
export async function make(attempt, known, own, wire, connect) {
  const { key, title, ask, nobody, show = whole, isRefusal } = attempt;
  const request = ask(known);
  const control = nobody?.() ?? forNobody(request, own);
  // one after the other: a limit would hit both
  const theirs = await answerTo(request, wire, connect);
  const nobodys = await answerTo(control, wire, connect);
  const shown = [theirs, nobodys].map((answer) => answer && maskFrame(show(answer)));
  return { key, title, request: maskFrame(request), theirs: shown[0], nobodys: shown[1], at: Date.now(), ...judge(...shown, isRefusal) };
}

/**
 * Makes attempts and tells of each by `done`; resolves with frames about the other tenant that came unasked: there must
 * be none.
 */
export async function makeAll(list, { known, own, address, token, done }) {
  const connect = async (resume) => Wire.open(address, await token(), resume);
  const wire = await connect();
  try {
    for (const attempt of list) done(await make(attempt, known, own, wire, connect));
    // whatever was sent before the answer to this has come
    await wire.ask({ type: 'ping' });
    return known.tenant ? wire.heard.filter((frame) => JSON.stringify(frame).includes(known.tenant)) : [];
  } finally {
    wire.close();
  }
}
