// Who is there: discs with a shape for active, idle or away, how many, and all of them by name on request.
import { useState } from 'react';

import { usePresence, useTyping } from '@wrk-copilot/realtime/react';

import { Avatar } from '../../parts/avatar.jsx';
import { Icon } from '../../parts/icon.jsx';
import { statusWord, typingSentence } from '../../parts/people.js';
import { StatusShape } from '../../parts/status_shape.jsx';
import { Dots } from './dots.jsx';

const SHOWN = 4;
const order = ['active', 'idle', 'away'];

function Everybody({ members, typing, people }) {
  return (
    <ul className="talk-everybody" aria-label="Viewing">
      {members.map(({ id, name, status, connections }) => (
        <li key={id}>
          <Avatar id={id} name={name} size="s" />
          <span className="talk-everybody-name">{name ?? people.nameOf(id)}</span>
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

export function PresenceRow({ projectId, people }) {
  const resource = projectId && `project:${projectId}`;
  const { members } = usePresence(resource, null);
  const { typists } = useTyping(resource);
  const [isOpen, setOpen] = useState(false);
  const there = [...members].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  const typing = new Set(typists.map(({ id }) => id));
  const names = typists.map(({ id, name }) => name ?? people.nameOf(id));
  return (
    <div role="group" className="talk-presence" aria-label="Who is here">
      <div className="talk-presence-row">
        <ul className="talk-avatars" aria-label="People here">
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
        <button type="button" className="text-button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {there.length} viewing
          <Icon name={isOpen ? 'chevron_down' : 'chevron_right'} />
        </button>
        {names.length > 0 && (
          <span className="talk-presence-typing" data-tip={typingSentence(names)}>
            <span className="unseen">{typingSentence(names)}</span>
            <span aria-hidden="true">{names.map((name) => name.split(' ')[0]).join(', ')}</span>
            <Dots />
          </span>
        )}
      </div>
      {isOpen && <Everybody members={there} typing={typing} people={people} />}
    </div>
  );
}
