// What goes over the wire, how long it takes, and how the gateway is.
import '../../parts/parts.css';
import './inspector.css';
import { useState } from 'react';

import { Cards } from './cards.jsx';
import { Channels } from './channels.jsx';
import { Frames } from './frames.jsx';
import { Gateway } from './gateway.jsx';
import { Timeline } from './timeline.jsx';
import { useRecorder } from './use_recorder.js';

const parts = [
  { key: 'frames', title: 'Frames' },
  { key: 'channels', title: 'Channels' },
  { key: 'gateway', title: 'Gateway' },
];

export default function Inspector({ person }) {
  const recorder = useRecorder();
  const [part, setPart] = useState('frames');
  return (
    <div className="inspector">
      <Timeline states={recorder.states} />
      <Cards recorder={recorder} />
      <nav className="inspector-parts" aria-label={`What to inspect of ${person.name}`}>
        {parts.map(({ key, title }) => (
          <button key={key} type="button" className="inspector-part" aria-pressed={key === part} onClick={() => setPart(key)}>
            {title}
          </button>
        ))}
      </nav>
      <div className="inspector-body">
        {part === 'frames' && <Frames recorder={recorder} person={person} />}
        {part === 'channels' && <Channels recorder={recorder} />}
        {part === 'gateway' && <Gateway />}
      </div>
    </div>
  );
}
