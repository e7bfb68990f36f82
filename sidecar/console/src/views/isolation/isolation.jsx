// The person of this pane tries to get at another tenant's things, and sees what comes of it.
import '../../parts/parts.css';
import './isolation.css';
import { useRef, useState } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { useAnnounce } from '../../parts/announce.jsx';
import { Empty } from '../../parts/empty.jsx';
import { ErrorLine } from '../../parts/error_line.jsx';
import { Icon } from '../../parts/icon.jsx';
import { AttemptRow } from './attempt_row.jsx';
import { possible } from './attempts.js';
import { ByHand } from './by_hand.jsx';
import { sum } from './judge.js';
import { Knowledge } from './knowledge.jsx';
import { makeAll } from './run.js';
import { scout } from './scout.js';
import { Verdict } from './verdict.jsx';

const RESULTS_MAX = 100;
const here = new URL('.', document.baseURI).href;

function useAttempts(person, demo) {
  const [results, setResults] = useState(() => new Map()); // key -> what came of it, the latest
  const [leaks, setLeaks] = useState([]);
  const [busy, setBusy] = useState(null); // what is being done, in words
  const [error, setError] = useState(null);
  const announce = useAnnounce();
  const isRunning = useRef(false);
  const put = (result) =>
    setResults((before) => {
      const after = new Map(before);
      after.delete(result.key);
      after.set(result.key, result);
      if (after.size > RESULTS_MAX) after.delete(after.keys().next().value);
      return after;
    });
  const attempt = async (words, run) => {
    if (isRunning.current) return;
    isRunning.current = true;
    setBusy(words);
    setError(null);
    try {
      await run();
    } catch (problem) {
      setError(problem);
    } finally {
      isRunning.current = false;
      setBusy(null);
    }
  };
  const make = async (list, known, own) => {
    const outcomes = [];
    const done = (result) => {
      outcomes.push(result.outcome);
      put(result);
    };
    const token = async () => demo?.token(person) ?? person.token;
    const found = await makeAll(list, { known, own, address: demo?.addressFor(person.key) ?? here, token, done });
    setLeaks((before) => [...before, ...found].slice(0, 20));
    announce(`${sum(outcomes).sentence}.`);
  };
  const forget = () => {
    setResults(new Map());
    setLeaks([]);
  };
  return { results, leaks, busy, error, setError, attempt, make, forget };
}

export default function Isolation({ person, demo }) {
  const client = useRealtime();
  const others = demo?.people.filter(({ tenant }) => tenant.id !== person.tenant.id) ?? [];
  const [otherKey, setOther] = useState(null);
  const other = others.find(({ key }) => key === otherKey) ?? others[0] ?? null;
  const [typed, setTyped] = useState({}); // ids put in by hand, which win
  const [sees, setSees] = useState(null);
  const { results, leaks, busy, error, setError, attempt, make, forget } = useAttempts(person, demo);
  const given = { tenant: other?.tenant.id, project: other?.projectId, version: other?.versionId, automation: other?.automationId, ...typed };
  const own = [person.tenant.id, person.projectId, person.versionId, person.automationId, client.user?.id];
  // with theirs looked up anew: a position and a connection do not last
  const go = (words, choose) =>
    attempt(words, async () => {
      const found = demo && other ? await scout(demo, other) : { known: {}, sees: null, close() {} };
      setSees(found.sees);
      try {
        const known = { ...found.known, ...Object.fromEntries(Object.entries(given).filter(([, id]) => id)) };
        await make(choose(known), known, own);
      } finally {
        found.close();
      }
    });
  // what a look round will tell, where there can be one
  const toCome = demo && other ? { user: true, task: true, position: true, session: true, key: true } : {};
  const all = possible({ ...toCome, ...given });
  const list = [...results.values()];
  return (
    <div className="isolation">
      <header className="isolation-top card">
        <div className="isolation-about">
          <h2>
            <Icon name="shield" />
            Can {person.name} of {person.tenant.name} reach {other ? `${other.tenant.name}’s` : 'another company’s'} data?
          </h2>
          <p className="isolation-soft">
            Each request is made twice over a plain WebSocket: with their ID, and with an ID that does not exist. If both answers are
            identical, nothing is disclosed.
          </p>
        </div>
        <div className="isolation-go">
          <button type="button" className="button" disabled={Boolean(busy) || all.length === 0} onClick={() => go('all attempts', possible)}>
            {busy ? 'Running …' : 'Run all'}
          </button>
          {list.length > 0 && (
            <button type="button" className="button quiet" disabled={Boolean(busy)} onClick={forget}>
              Clear results
            </button>
          )}
        </div>
        <Knowledge others={others} other={other} choose={setOther} given={given} change={(one) => setTyped({ ...typed, ...one })} sees={sees} />
      </header>
      <ErrorLine error={error} what="The attempt could not be made." dismiss={() => setError(null)} />
      <Verdict results={list} leaks={leaks} />
      {all.length === 0 && (
        <Empty icon="shield" title="No target">
          Enter IDs of another company: a project or an automation version.
        </Empty>
      )}
      <ul className="isolation-list" aria-label="Attempts">
        {all.map((one) => (
          <AttemptRow
            key={one.key}
            attempt={one}
            result={results.get(one.key)}
            isBusy={Boolean(busy)}
            go={() => go(one.title, (known) => possible(known).filter(({ key }) => key === one.key))}
          />
        ))}
        {list
          .filter(({ key }) => key.startsWith('hand '))
          .map((result) => (
            <AttemptRow key={result.key} attempt={result} result={result} isBusy={Boolean(busy)} />
          ))}
      </ul>
      <ByHand isBusy={Boolean(busy)} example={given.project} go={(one) => attempt(one.title, () => make([{ ...one, key: `hand ${Date.now()}` }], given, own))} />
    </div>
  );
}
