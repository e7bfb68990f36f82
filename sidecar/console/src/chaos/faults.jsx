// The faults that can be ordered: for one pane, and for all.
import { useState } from 'react';

const delays = [0, 200, 1000];

export function PaneFaults({ people, ways, order }) {
  const [chosen, setChosen] = useState(people[0]?.key);
  const person = people.find(({ key }) => key === chosen) ?? people[0];
  const pane = person.key;
  const way = ways[pane] ?? { delay: 0, stall: false, offline: false, block: { websocket: false, sse: false } };
  const whose = `${person.name}'s`;
  const toggle = (what, isOn, label, on, off, more = {}) => (
    <button
      type="button"
      className="button quiet small"
      aria-pressed={isOn}
      onClick={() => order({ do: what, pane, on: !isOn, ...more }, isOn ? off : on)}
    >
      {label}
    </button>
  );
  return (
    <fieldset className="chaos-group">
      <legend className="unseen">Faults for one person</legend>
      <label className="chaos-whose">
        <span>For</span>
        <select value={pane} onChange={({ target }) => setChosen(target.value)}>
          {people.map(({ key, name }) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <div className="chaos-buttons">
      <button type="button" className="button quiet small" onClick={() => order({ do: 'drop', pane }, `Dropped ${whose} connection.`)}>
        Drop connection
      </button>
      <span className="chaos-choice" role="group" aria-label={`Delay each way, for ${person.name}`}>
        <span aria-hidden="true">Delay</span>
        {delays.map((ms) => (
          <button
            key={ms}
            type="button"
            className="button quiet small"
            aria-pressed={way.delay === ms}
            onClick={() => order({ do: 'delay', pane, ms }, `${whose} traffic is delayed by ${ms} ms each way.`)}
          >
            {ms === 1000 ? '1 s' : `${ms} ms`}
          </button>
        ))}
      </span>
      <button type="button" className="button quiet small" onClick={() => order({ do: 'expire', pane }, `${whose} token expires in 5 s.`)}>
        Expire token
      </button>
      {toggle('stall', way.stall, 'Slow reader', `${person.name} stopped reading.`, `${person.name} reads again.`)}
      {toggle('block', way.block.websocket, 'Block WebSockets', `WebSockets are blocked for ${person.name}.`, `WebSockets are allowed for ${person.name}.`)}
      {toggle('block', way.block.sse, 'Block streams too', `Event streams are blocked for ${person.name}, too.`, `Everything is allowed for ${person.name}.`, {
        sse: true,
      })}
      {toggle('offline', way.offline, 'Go offline', `${person.name} is offline.`, `${person.name} is online.`)}
      </div>
    </fieldset>
  );
}

export function AllFaults({ order, people, bursts }) {
  const last = bursts.at(-1);
  const isWriting = last && last.written < last.total && !last.failed;
  return (
    <fieldset className="chaos-group">
      <legend className="unseen">Faults for all</legend>
      <span className="chaos-whose">Everyone</span>
      <div className="chaos-buttons">
      <button type="button" className="button quiet small" onClick={() => order({ do: 'kill_gateway' }, 'The gateway was killed and restarted.')}>
        Kill gateway
      </button>
      <button
        type="button"
        className="button quiet small"
        onClick={() => order({ do: 'kill_backend' }, "The gateway's database connections were closed.")}
      >
        Kill database connections
      </button>
      <button
        type="button"
        className="button small"
        disabled={isWriting}
        onClick={() => order({ do: 'burst', n: 1000, person: people[0].key }, 'Sending 1,000 events.')}
      >
        {isWriting ? `${last.written} of ${last.total} written` : 'Burst of 1,000 events'}
      </button>
      <button type="button" className="button quiet small" onClick={() => order({ do: 'sweep' }, 'Removed the tasks of the bursts.')}>
        Remove burst tasks
      </button>
      </div>
    </fieldset>
  );
}
