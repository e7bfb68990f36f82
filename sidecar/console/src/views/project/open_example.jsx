// A document of another editor as a new automation: an example, or a file of one's own. The database makes a blueprint
// of it.
import { useRef, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { ErrorLine } from '../../parts/error_line.jsx';
import { Menu } from './menu.jsx';

const examples = [
  ['Support mail triage (n8n)', () => import('./examples/n8n.json')],
  ['Cold store alarm (Node-RED)', () => import('./examples/node_red.json')],
];

export function OpenExample({ choose, refetch, announce }) {
  const client = useRealtime();
  const file = useRef(null);
  const [error, setError] = useState(null);
  const open = async (name, read) => {
    setError(null);
    try {
      const given = await read();
      const { payload: imported } = await client.call('blueprint.import', { document: given }, { queue: false });
      const { payload: made } = await client.call('automation.create', { name, blueprint: imported.document });
      refetch();
      choose(made.version.id);
      announce(`${name} is open.`);
    } catch (refusal) {
      setError(refusal);
    }
  };
  const chosen = ({ target }) => {
    const [given] = target.files;
    target.value = '';
    if (given) open(given.name.replace(/\.json$/i, ''), async () => JSON.parse(await given.text()));
  };
  return (
    <>
      <Menu icon="upload" label="Import" className="button quiet small" title="Import a workflow">
        {(close) => (
          <>
            {examples.map(([label, load]) => (
              <button key={label} type="button" className="row-button menu-item" onClick={() => (close(), open(label.replace(/ \(.*/, ''), async () => (await load()).default))}>
                {label}
              </button>
            ))}
            <button type="button" className="row-button menu-item" onClick={() => (close(), file.current.click())}>
              From a file (n8n, Node-RED, React Flow …)
            </button>
          </>
        )}
      </Menu>
      <input ref={file} type="file" accept=".json,application/json" hidden onChange={chosen} />
      {error && (
        <div className="floating-error">
          <ErrorLine error={error} what="The import failed." dismiss={() => setError(null)} />
        </div>
      )}
    </>
  );
}
