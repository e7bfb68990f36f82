// The versions, newest first: who made each and what it did. A row shows its version; one change alone can be taken
// back from here.
import './change_list.css';

import { memo, useEffect, useRef } from 'react';

import { Avatar } from '../../parts/avatar.jsx';
import { Icon } from '../../parts/icon.jsx';
import { Time } from '../../parts/time.jsx';
import { who } from './timeline.js';

const Row = memo(function Row({ entry, sentence, isHere, go, takeBack }) {
  const row = useRef(null);
  useEffect(() => {
    if (isHere) row.current?.scrollIntoView({ block: 'nearest' });
  }, [isHere]);
  return (
    <li className="change" data-version={entry.version} data-here={isHere || undefined} ref={row}>
      <button type="button" className="row-button change-main" aria-current={isHere ? 'true' : undefined} onClick={() => go(entry.version)}>
        <Avatar id={entry.by ?? 'system'} name={who(entry)} size="s" />
        <span className="change-text">
          <span className="change-what">{capital(sentence.replace(`${who(entry)} `, ''))}</span>
          <span className="change-who">
            {who(entry)}, <Time at={entry.at} />
          </span>
        </span>
        <span className="badge">{entry.version}</span>
      </button>
      {isHere && entry.diff && takeBack && (
        <button type="button" className="button quiet small" onClick={() => takeBack(entry)}>
          <Icon name="undo" />
          Revert this change
        </button>
      )}
    </li>
  );
});

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

export function ChangeList({ versions, said, at, oldest, go, takeBack }) {
  const steady = useRef(null);
  steady.current = takeBack;
  const take = useRef((entry) => steady.current(entry));
  return (
    <section className="changes" aria-label="Versions">
      <h2 className="list-heading">
        Versions <span className="badge">{versions.length}</span>
      </h2>
      <ol className="change-rows" reversed>
        {versions.map((entry) => (
          <Row key={entry.id} entry={entry} sentence={said.get(entry.version) ?? ''} isHere={entry.version === at} go={go} takeBack={takeBack && take.current} />
        ))}
      </ol>
      {oldest > 1 && <p className="changes-end">Versions before {oldest} are no longer kept.</p>}
    </section>
  );
}
