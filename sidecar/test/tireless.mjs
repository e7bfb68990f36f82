// A client that survives: it follows channels over any transport and gateway, and whenever its
// connection breaks it comes back with the positions it has, perhaps another way.
//
// It believes nothing and forgets nothing: everything that arrived is kept, also what came twice, in
// stretches, so that a judge (judge.mjs) can say afterwards what was wrong. A stretch is what one
// subscription brought: it starts at a position, has ids in order of arrival, and claims, each saying
// "everything up to this position was in the first n ids".
//
// What must stay true: a position belongs to a channel. `subscribed` sets it, a `position` frame moves
// those channels whose subscription is answered, and a channel comes back with the one it has.

import { setTimeout as pause } from 'node:timers/promises';

import { dice } from './dice.mjs';
import { openLine } from './lines.mjs';
import { comparePositions, earliest } from './snapshots.mjs';

export const FENCE = 'proof.fence';

// polls cost the database most
const WAYS = ['ws', 'ws', 'ws', 'sse', 'sse', 'poll'];

// ms since 1970, comparable between the processes of a test
export const clock = () => performance.timeOrigin + performance.now();

export class Tireless {
  stretches = [];
  strays = []; // events on a channel that was not subscribed
  late = []; // events behind a gap, before the channel was subscribed again
  unrecovered = []; // answers that said recovered: false
  refusals = []; // subscriptions that were refused
  connections = {}; // by transport, how many
  ends = {}; // by reason, how many
  errors = {}; // by code, answers that were errors
  moves = 0;
  gaps = 0;

  #states = new Map(); // name asked for -> state
  #asked = new Map(); // requestId -> { state, since, at }
  #line = null;
  #stopped = false;
  #went = clock();
  #token = 0; // index of the one in use
  #comesAsNext = false; // with the next one, when it connects again
  #isCut = false; // while it connects
  #auth = null; // { token, at } of an `auth` that is under way
  #last = 'was made';

  // tokens: [{ text, key }], it uses the first until that is refused, then the next; urls: of the gateways; channels: names
  // to ask for beside those of every connection; ways: transports it may use; patience: ms before it asks
  // again for what was refused
  constructor({ name, tokens, urls, channels, ways = WAYS, patience = 100, seed = 0 }) {
    Object.assign(this, { name, tokens, urls, ways, patience, dice: dice(seed) });
    for (const channel of channels) this.#addState(channel);
    this.way = this.dice.pick(ways);
  }

  #addState(asked) {
    const state = { asked, canonical: null, position: null, stretch: null, answered: false, refused: null, asking: null, fence: 0 };
    this.#states.set(asked, state);
    return state;
  }

  #note(what) {
    this.#last = what;
    this.#went = clock();
  }

  start() {
    this.#done = this.#run();
    return this;
  }
  #done = null;

  async stop() {
    this.#stopped = true;
    this.#line?.resume();
    this.#line?.cut();
    await this.#done;
  }

  // Breaks the connection; it comes back by itself.
  cut(options) {
    if (this.#line) this.#line.cut(options);
    else this.#isCut = true;
  }

  // Comes back over another transport.
  move() {
    const others = this.ways.filter((way) => way !== this.way);
    if (others.length > 0) this.way = this.dice.pick(others);
    this.moves++;
    this.cut();
  }

  // Does not read its socket until resume().
  pause() {
    this.isDeaf = this.#line !== null;
    this.#line?.pause();
  }

  resume() {
    this.isDeaf = false;
    this.#line?.resume();
  }

  // Goes on with the next token, on the same connection where the transport lets it.
  nextToken() {
    if (!this.#line?.takesSubscriptions) return this.comeBackAsNext();
    if (this.#auth) return;
    const token = (this.#token + 1) % this.tokens.length;
    this.#auth = { token, at: clock() };
    this.#line.request({ type: 'auth', requestId: 'auth', payload: { token: this.tokens[token].text } });
  }

  comeBackAsNext() {
    this.#comesAsNext = true;
    this.cut();
  }

  // From here on exactly these of its channels (names asked for) are to be subscribed, by the key of the
  // token in use, the others refused.
  expect(names) {
    this.expected = names;
  }

  // What it has not got yet of this fence; 0: never subscribed. Beside, who is subscribed and should not be.
  lacks(fence) {
    const expected = this.expected?.[this.tokens[this.#token].key];
    return [...this.#states.values()].flatMap((state) => {
      const { asked, position, refused, answered, asking } = state;
      const mayBe = expected?.includes(asked) ?? refused === null;
      const wait = asking === null ? '' : `, asked ${Math.round(clock() - asking)} ms ago`;
      const how = `(${refused ?? (answered ? 'subscribed' : 'not subscribed')}${wait})`;
      if (mayBe && (position === null || refused || state.fence < fence)) return [`${asked} ${how}`];
      return !mayBe && !refused ? [`refusal of ${asked} ${how}`] : [];
    });
  }

  // what happened to it last, for messages
  get story() {
    const ago = Math.round(clock() - this.#went);
    const how = `${this.over} at gateway ${this.gateway}${this.isDeaf ? ', deaf' : ''}`;
    return `${this.name} over ${how}: ${this.#last}, ${ago} ms ago; ends ${JSON.stringify(this.ends)}`;
  }

  // everything a judge needs, as plain data
  report() {
    for (const state of this.#states.values()) this.#end(state, 'the test is over');
    const { name, stretches, strays, late, unrecovered, refusals, connections, ends, errors, moves, gaps, story } = this;
    return { name, stretches, strays, late, unrecovered, refusals, connections, ends, errors, moves, gaps, story };
  }

  async #run() {
    let wait = 20;
    while (!this.#stopped) {
      const began = clock();
      const why = await this.#live().catch((error) => `no connection: ${error.message}`);
      this.#line = null;
      for (const state of this.#states.values()) this.#end(state, why);
      this.ends[why] = (this.ends[why] ?? 0) + 1;
      this.#note(`the connection ended: ${why}`);
      wait = clock() - began > 500 ? 20 : Math.min(wait * 2, 400);
      if (!this.#stopped) await pause(this.dice.below(wait));
    }
  }

  // One connection; resolves with why it ended.
  async #live() {
    const { way } = this;
    this.over = way;
    this.gateway = this.dice.below(this.urls.length);
    if (this.#comesAsNext) this.#token = (this.#token + 1) % this.tokens.length;
    this.#comesAsNext = false;
    this.#isCut = false;
    this.isDeaf = false;
    this.#asked.clear();
    this.#auth = null;
    this.#note(`connects to gateway ${this.gateway}`);
    const line = await openLine(way, {
      url: this.urls[this.gateway],
      token: this.tokens[this.#token].text,
      wanted: () => this.#wanted(way),
      onFrame: (frame, from) => this.#onFrame(from, frame),
      timeout: 5000,
    });
    this.#line = line;
    this.connections[way] = (this.connections[way] ?? 0) + 1;
    if (this.#stopped || this.#isCut) line.cut();
    return line.ended;
  }

  // What is to be subscribed by a request. An event stream has one position, the earliest: it does without
  // what was lost long ago, or all the rest would come again. Channels that everybody has come unasked.
  #wanted(way) {
    const states = [...this.#states.values()];
    let list = states.map(({ asked, position }) => ({ channel: asked, since: position }));
    const held = states.filter(({ position, refused, isOwn }) => position !== null && (isOwn || !refused)).map(({ position }) => position);
    if (way === 'sse') {
      const since = earliest(held) ?? earliest(states.map(({ position }) => position).filter(Boolean)) ?? null;
      const isBehind = (position) => position !== null && (since === null || comparePositions(position, since) < 0);
      list = list.filter((item) => !isBehind(item.since)).map(({ channel }) => ({ channel, since }));
    }
    for (const { channel, since } of list) this.#asks(channel, since, channel);
    return list;
  }

  // Notes what an answer will be the answer to.
  #asks(key, since, asked) {
    const state = this.#states.get(asked);
    state.asking = clock();
    this.#asked.set(key, { state, since, at: state.asking });
  }

  #subscribe(line, state) {
    const requestId = line.subscribe(state.asked, state.position);
    this.#asks(requestId, state.position, state.asked);
  }

  // Asks again where the line can. A poll asks anyway; a stream is left for another transport.
  #again(line, state) {
    if (this.#line !== line || this.#stopped || state.answered) return;
    if (line.takesSubscriptions) this.#subscribe(line, state);
    else if (line.transport === 'sse') {
      this.way = this.dice.pick(this.ways);
      line.cut();
    }
  }

  #find(channel) {
    for (const state of this.#states.values())
      if (state.canonical === channel || state.asked === channel) return state;
    return null;
  }

  // The name that was asked for, by that or by the full name, known or not.
  #nameOf(channel) {
    const names = [...this.#states.keys()];
    return this.#find(channel)?.asked ?? names.find((name) => channel?.endsWith(`:${name}`));
  }

  // ---------- stretches ----------

  #begin(state, start, asked) {
    this.#end(state, 'subscribed anew');
    state.stretch = {
      channel: state.canonical,
      transport: this.over,
      gateway: this.gateway,
      tokens: [{ token: this.#token, from: 0, until: Infinity }],
      start,
      asked,
      ids: [],
      times: [],
      replayed: 0,
      claims: [],
    };
    this.stretches.push(state.stretch);
  }

  #end(state, why) {
    state.answered = false;
    state.isBroken = false;
    if (state.stretch) Object.assign(state.stretch, { ended: clock(), why });
    Object.assign(state, { why, stretch: null });
  }

  #claim(state, position) {
    const { claims, ids } = state.stretch;
    const last = claims.at(-1);
    state.position = position;
    const at = clock();
    // a quiet time is told in a few, without blurring when
    if (last?.count === ids.length && at - last.from < 50) Object.assign(last, { position, at });
    else claims.push({ position, count: ids.length, at, from: at });
  }

  // ---------- frames ----------

  #onFrame(line, frame) {
    const { type, id, channel } = frame;
    if (type === 'connected') this.#onConnected(line, frame.payload);
    else if (type === 'subscribed') this.#onSubscribed(frame);
    else if (type === 'position') this.#onPosition(frame.payload.position);
    else if (type === 'gap') this.#onGap(line, frame);
    else if (type === 'unsubscribed') this.#onUnsubscribed(line, frame);
    else if (type === 'error') this.#onError(line, frame);
    else if (type === 'bye') this.#onBye(frame.payload);
    else if (type === 'result' && frame.requestId === 'auth') this.#onToken();
    else if (id !== undefined && channel !== undefined && !('requestId' in frame)) this.#onEvent(frame);
  }

  // Channels of every connection begin at its position; who has an older one asks for what came since.
  #onConnected(line, { channels, position }) {
    this.#note('connected');
    // what is subscribed from now on is what is said from now on
    for (const state of this.#states.values()) this.#end(state, 'asked anew');
    for (const name of channels) {
      const state = this.#find(name) ?? this.#addState(name);
      const isNew = state.position === null;
      state.canonical = name;
      state.isOwn = true;
      this.#begin(state, position, clock());
      state.answered = isNew;
      if (isNew) this.#claim(state, position);
    }
    if (!line.takesSubscriptions) return;
    for (const state of this.#states.values()) if (!state.answered) this.#subscribe(line, state);
  }

  #onSubscribed({ requestId, channel, payload }) {
    const { as, position, recovered, events = [] } = payload;
    const state = this.#find(channel) ?? this.#states.get(as);
    const asked = this.#asked.get(requestId ?? state?.asked);
    if (!state || !asked) {
      this.strays.push({ channel, type: 'subscribed', story: this.story });
      return;
    }
    Object.assign(state, { canonical: channel, refused: null, asking: null });
    if (asked.since !== null && !recovered)
      this.unrecovered.push({ channel, since: asked.since, position, story: this.story });
    this.#begin(state, recovered ? (asked.since ?? position) : position, asked.at);
    for (const event of events) this.#onEvent({ channel, ...event });
    state.stretch.replayed = events.length;
    state.answered = true;
    this.#claim(state, position);
    this.#note(`subscribed to ${as}, ${events.length} replayed`);
  }

  #onEvent({ channel, id, type, payload }) {
    const state = this.#find(channel);
    if (!state?.stretch) {
      const list = state?.isBroken ? this.late : this.strays;
      list.push({ channel, id, type, ended: state?.why, story: this.story });
      return;
    }
    state.stretch.ids.push(Number(id));
    state.stretch.times.push(clock());
    if (type === FENCE) state.fence = Math.max(state.fence, payload.n);
    this.#note(`got ${type} ${id} on ${state.asked}`);
  }

  #onPosition(position) {
    for (const state of this.#states.values()) if (state.answered) this.#claim(state, position);
  }

  #onGap(line, { channel, payload }) {
    const state = this.#find(channel);
    this.gaps++;
    this.#note(`gap ${payload.reason} on ${channel}`);
    if (!state) return;
    this.#end(state, `gap ${payload.reason}`);
    state.isBroken = true;
    this.#again(line, state);
  }

  #onBye(payload) {
    this.#note(`bye ${JSON.stringify(payload)}`);
    if (payload.code === 4401 || payload.code === 4501) this.#comesAsNext = true;
  }

  // The new token counts since some moment between question and answer.
  #onToken() {
    const { token, at } = this.#auth;
    this.#token = token;
    this.#auth = null;
    for (const { stretch } of this.#states.values()) {
      if (!stretch) continue;
      stretch.tokens.at(-1).until = clock();
      stretch.tokens.push({ token, from: at, until: Infinity });
    }
  }

  // The server's own decision: asks again and again, with the position from before.
  #onUnsubscribed(line, { channel, payload }) {
    const state = this.#find(channel);
    this.#note(`unsubscribed from ${channel}: ${payload?.code}`);
    if (state) this.#refuse(line, state, payload ?? {});
  }

  #onError(line, { requestId, channel, payload }) {
    const { code } = payload;
    this.errors[code] = (this.errors[code] ?? 0) + 1;
    // without a requestId it goes by the name asked for, or by the full one
    const asked = this.#asked.get(requestId) ?? this.#asked.get(this.#nameOf(channel));
    if (requestId === 'connect') {
      if (payload.status === 401) this.#comesAsNext = true;
      else line.cut();
    } else if (requestId === 'auth') this.#auth = null;
    // a later request for the channel has its own answer
    else if (asked && (code !== 'conflict' || asked.at === asked.state.asking)) this.#refuse(line, asked.state, payload, clock() - asked.at);
  }

  #refuse(line, state, { code, message, hint, retry }, took = 0) {
    this.#end(state, `refused: ${code}`);
    state.asking = null;
    // for the moment only, or until rights change
    if (retry !== 'backoff' && code !== 'conflict') {
      state.refused = code;
      this.refusals.push({ channel: state.asked, code, message, hint, took, at: clock() });
    }
    // to come back for it costs more than to ask
    const patience = this.patience * (line.takesSubscriptions ? 1 : 5);
    setTimeout(() => this.#again(line, state), patience * (0.5 + this.dice.below(100) / 100)).unref();
  }
}
