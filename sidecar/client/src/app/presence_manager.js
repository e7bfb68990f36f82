import { Activity } from './activity.js';
import { Cache } from './cache.js';

const IDLE = 60000; // ms
const LINGER = 100; // ms, because who remounts enters again at once
const REMEMBERED = 500; // people who have left

/**
 * Who is at a resource; see app.d.ts.
 *
 * What must stay true: this user is there while at least one enter() has not left; what they say is the metas of all,
 * later ones over earlier ones; and it is said when it is something new.
 */
export class PresenceManager extends Cache {
  #name;
  #presence = null;
  #isKnown = false; // has the list come?
  #places = []; // { me } of each enter()
  #said = null; // as JSON, what the server was told; null: nothing
  #gone = new Map(); // id -> ms
  #activity;
  #isActing = false;
  #leaving = null;
  #unlisten = [];

  constructor(client, resource, { idle = IDLE, ...options } = {}) {
    super(client, options);
    this.#name = resource;
    this.#activity = new Activity(this._env, this._timers, idle, () => this.#say());
  }

  enter(me = {}) {
    const place = { me };
    this.#places.push(place);
    this.#say();
    return {
      update: (more) => {
        place.me = { ...place.me, ...more };
        this.#say();
      },
      leave: () => {
        this.#places = this.#places.filter((other) => other !== place);
        // not at once: who says something else leaves and enters again
        this._timers._clear(this.#leaving);
        if (this._isOpen) this.#leaving = this._timers._set(LINGER, () => this.#say());
      },
    };
  }

  lastSeen(id) {
    return this.#gone.get(id) ?? null;
  }

  _view() {
    const me = this._client.user?.id;
    const all = this.#isKnown && !this._error ? [...this.#presence.members.values()] : [];
    const name = (member) => member.name ?? '';
    const first = ({ id }) => (id === me ? 0 : 1);
    const members = all.sort((a, b) => first(a) - first(b) || name(a).localeCompare(name(b)) || (a.id < b.id ? -1 : 1));
    return { members, self: members.find(({ id }) => id === me) ?? null, count: members.length, error: this._error };
  }

  _channels() {
    return [[this.#channelName, {}]];
  }

  get #channelName() {
    return `presence:${this.#name.replace(':', '/')}`;
  }

  _opened() {
    // before it is subscribed to, so that the list is heard
    const presence = (this.#presence = this._client.channel(this.#name).presence());
    this.#isKnown = this._client.channel(this.#channelName).state === 'subscribed';
    const tell = () => this._changed();
    this.#unlisten = [
      presence.on('sync', () => {
        this.#isKnown = true;
        tell();
      }),
      presence.on('join', (users) => {
        for (const { id } of users) this.#gone.delete(id);
        tell();
      }),
      presence.on('update', tell),
      presence.on('leave', (users) => {
        for (const user of users) this.#left(user);
        this._tell('leave', users);
        tell();
      }),
    ];
    this.#say();
  }

  _ended() {
    for (const stop of this.#unlisten.splice(0)) stop();
    this.#leave();
    this.#isKnown = false;
  }

  #left({ id, lastSeen }) {
    this.#gone.delete(id);
    this.#gone.set(id, lastSeen);
    if (this.#gone.size > REMEMBERED) this.#gone.delete(this.#gone.keys().next().value);
  }

  // ---------- oneself ----------

  #say() {
    this._timers._clear(this.#leaving);
    if (!this._isOpen) return;
    if (this.#places.length === 0) return this.#leave();
    if (!this.#isActing) {
      this.#isActing = true;
      this.#activity.start();
    }
    const metas = this.#places.map(({ me }) => me.meta);
    const given = this.#places.findLast(({ me }) => me.status)?.me.status;
    const me = { status: given ?? this.#activity.status, meta: Object.assign({}, ...metas) };
    const said = JSON.stringify(me);
    if (said === this.#said) return;
    this.#said = said;
    this.#presence.join(me);
  }

  #leave() {
    if (this.#isActing) this.#activity.stop();
    this.#isActing = false;
    if (this.#said !== null) this.#presence.leave();
    this.#said = null;
  }
}
