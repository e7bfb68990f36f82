// Who made a node what it is: shown beside the one under the pointer, or with the focus.
import { useEffect, useState } from 'react';

import { useStore } from '@xyflow/react';
import { useRealtime } from '@wrk-copilot/realtime/react';

import { Avatar } from '../../parts/avatar.jsx';
import { clock } from '../../parts/time.jsx';
import { placed } from '../project/conflict_popover.jsx';
import { short } from '../project/describe.js';
import { labelOf, placeOf } from '../project/flow.js';
import { blamed, lastTouched, who } from './timeline.js';

const MOST = 6;

// Of now the server says it value by value; of older versions the list of changes does, by node.
function useBlame(versionId, node, isCurrent, version) {
  const client = useRealtime();
  const [answer, setAnswer] = useState(null);
  useEffect(() => {
    setAnswer(null);
    if (!isCurrent) return undefined;
    const asked = new AbortController();
    const params = { type: 'automation_version', id: versionId, path: ['blueprint_json', 'nodes', String(node.id)] };
    // who only passes over it asks nothing
    const timer = setTimeout(
      () => client.call('history.blame', params, { signal: asked.signal }).then(({ payload }) => setAnswer(payload), () => {}),
      80,
    );
    return () => {
      clearTimeout(timer);
      asked.abort();
    };
  }, [client, versionId, node.id, isCurrent, version]);
  return answer;
}

function Line({ change, versions }) {
  const version = versions.find(({ id }) => id === change.id)?.version;
  return (
    <>
      {who(change)}, {clock(new Date(change.at))}
      {version !== undefined && `, version ${version}`}
    </>
  );
}

export function BlameCard({ node, versionId, version, isCurrent, versions }) {
  const position = useStore(
    (view) => placed(view, placeOf(node)),
    (a, b) => a.left === b.left && a.top === b.top,
  );
  const answer = useBlame(versionId, node, isCurrent, version);
  const fields = answer ? blamed(answer, node).slice(0, MOST) : [];
  const last = fields.find(({ change }) => change)?.change ?? lastTouched(versions, version, 'nodes', String(node.id));
  return (
    <section className="blame" style={position} role="status" data-blame={String(node.id)}>
      <header className="blame-top">
        {last && <Avatar id={last.by ?? 'system'} name={who(last)} size="s" />}
        <div>
          <h2>{labelOf(node)}</h2>
          <p>{last ? <Line change={last} versions={versions} /> : 'Older than the log'}</p>
        </div>
      </header>
      {fields.length > 0 && (
        <dl className="blame-fields">
          {fields.map(({ field, value, change }) => (
            <div key={field}>
              <dt>{field}</dt>
              <dd>{short(value, 40)}</dd>
              <dd className="blame-by">{change ? <Line change={change} versions={versions} /> : 'older than the log'}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
