// Who is there: discs with a shape for active, idle or away, how many, and all of them by name on request. One is
// active oneself while something happens in one's pane, idle after a minute without, away when the page is hidden.
import { useEffect, useState } from 'react';

import { usePresence, useTyping } from '@wrk-copilot/realtime/react';

import { Avatar } from '../../parts/avatar.jsx';
import { Icon } from '../../parts/icon.jsx';
import { statusWord, typingSentence } from '../../parts/people.js';
import { StatusShape } from '../../parts/status_shape.jsx';
import { Dots } from './dots.jsx';

const SHOWN = 4;
const IDLE_MS = 60000;
const ME = { status: 'active' };
const signs = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'focusin'];
const order = ['active', 'idle', 'away'];

function useOwnStatus(pane, update) {
  useEffect(() => {
    const root = pane.current?.closest('.pane') ?? document.body;
    let said = 'active';
    let timer = null;
    const say = (status) => {
      if (status !== said) update({ status: (said = status) });
    };
    const wake = () => {
      clearTimeout(timer);
      timer = setTimeout(() => say('idle'), IDLE_MS);
      say('active');
    };
    const seen = () => (document.visibilityState === 'hidden' ? say('away') : wake());
    wake();
    signs.forEach((sign) => root.addEventListener(sign, wake, { passive: true }));
    document.addEventListener('visibilitychange', seen);
    return () => {
      clearTimeout(timer);
      signs.forEach((sign) => root.removeEventListener(sign, wake));
      document.removeEventListener('visibilitychange', seen);
    };
  }, [pane, update]);
}

function Everybody({ members, typing }) {
  return (
    <ul className="talk-everybody" aria-label="Viewing">
      {members.map(({ id, name, status, connections }) => (
        <li key={id}>
          <Avatar id={id} name={name} size="s" />
          <span className="talk-everybody-name">{name ?? 'Somebody'}</span>
          {connections > 1 && <span className="talk-soft">{connections} tabs</span>}
          <span className="talk-everybody-status">
            <StatusShape status={status} isSilent />
            {typing.has(id) ? 'typing' : statusWord(status)}
          </span>
        </li>
      ))}
    </ul>
  );
}

export function PresenceRow({ projectId, people, pane }) {
  const resource = projectId && `project:${projectId}`;
  const { members, update } = usePresence(resource, ME);
  const { typists } = useTyping(resource);
  const [isOpen, setOpen] = useState(false);
  useOwnStatus(pane, update);
  const there = [...members].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const typing = new Set(typists.map(({ id }) => id));
  const names = typists.map(({ id, name }) => name ?? people.nameOf(id));
  return (
    <div role="group" className="talk-presence" aria-label="Who is here">
      <div className="talk-presence-row">
        <ul className="talk-avatars" aria-label="Avatars">
          {there.slice(0, SHOWN).map(({ id, name, status }) => (
            <li key={id} data-member={id} data-status={status}>
              <Avatar id={id} name={name} status={status} isTyping={typing.has(id)} />
              <span className="unseen">
                {name}, {statusWord(status)}
              </span>
            </li>
          ))}
          {there.length > SHOWN && <li className="talk-avatars-more">+{there.length - SHOWN}</li>}
        </ul>
        <button type="button" className="talk-viewing" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {there.length} viewing
          <Icon name={isOpen ? 'chevron_down' : 'chevron_right'} />
        </button>
        {names.length > 0 && (
          <span className="talk-presence-typing" title={typingSentence(names)}>
            <span className="unseen">{typingSentence(names)}</span>
            <span aria-hidden="true">{names.map((name) => name.split(' ')[0]).join(', ')}</span>
            <Dots />
          </span>
        )}
      </div>
      {isOpen && <Everybody members={there} typing={typing} />}
    </div>
  );
}
