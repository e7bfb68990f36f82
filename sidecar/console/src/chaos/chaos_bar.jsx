// The bar at the foot of the page, in the demo only: faults to order, and what came of them. It looks on while it is
// folded, too.
import './chaos.css';
import { useCallback, useEffect, useRef, useState } from 'react';

import { RealtimeProvider } from '@wrk-copilot/realtime/react';

import { useClients } from '../clients.js';
import { useAnnounce } from '../parts/announce.jsx';
import { Icon } from '../parts/icon.jsx';
import { AllFaults, PaneFaults } from './faults.jsx';
import { Figures, agreement } from './figures.jsx';
import { useCounts } from './use_counts.js';
import { useTraces } from './use_traces.js';
import { Watch } from './watch.jsx';
import { setWays } from './ways.js';

const number = new Intl.NumberFormat('en');

// What the watches tell: { key: { state, figures, version, isPending, hash } }, and a function to tell by for each key,
// always the same one.
function useSeen() {
  const [seen, setSeen] = useState({});
  const tellers = useRef(new Map());
  const teller = useCallback((key) => {
    if (!tellers.current.has(key))
      tellers.current.set(key, (change) => setSeen((now) => ({ ...now, [key]: { ...now[key], ...change } })));
    return tellers.current.get(key);
  }, []);
  return [seen, teller];
}

// "1,000 expected, 0 missed, 0 duplicate"
function Summary({ people, seen }) {
  const all = people.map(({ key }) => seen[key]?.figures).filter(Boolean);
  const total = (name) => all.reduce((sum, figures) => sum + figures[name], 0);
  const isEqual = agreement(people, seen);
  const isBad = all.some(({ isMissed, twice }) => isMissed || twice > 0);
  return (
    <span className="chaos-summary">
      <span data-verdict={isBad ? 'bad' : 'good'}>
        {number.format(total('expected'))} expected, {number.format(total('missing'))} {isBad ? 'missed' : 'outstanding'},{' '}
        {number.format(total('twice'))} duplicate
      </span>
      {isEqual !== null && <span className="chaos-state" data-state={isEqual ? 'equal' : 'different'}>{isEqual ? 'documents equal' : 'documents differ'}</span>}
    </span>
  );
}

export function ChaosBar({ demo, people }) {
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState('');
  const [counts, recount] = useCounts(demo, isOpen);
  const [seen, teller] = useSeen();
  const clients = useClients();
  const announce = useAnnounce();
  const toggle = useRef(null);
  const body = useRef(null);
  const [notes, trace] = useTraces(clients, announce);
  useEffect(() => setWays({ ...counts?.ways }), [counts]);
  // where the page is longer than the window, it would open out of sight
  useEffect(() => void (isOpen && body.current.scrollIntoView({ block: 'nearest' })), [isOpen]);

  const order = async (what, said) => {
    try {
      setProblem('');
      if (what.do === 'expire') trace(people.find(({ key }) => key === what.pane));
      await demo.chaos(what);
      announce(said);
    } catch (error) {
      setProblem(error.message);
    }
    recount();
  };
  const fold = ({ key }) => {
    if (key !== 'Escape' || !isOpen) return;
    setOpen(false);
    toggle.current.focus();
  };
  const stateOf = ({ versionId }) => {
    const panes = people.filter((other) => other.versionId === versionId);
    return { null: 'alone', true: 'equal', false: 'different' }[agreement(panes, seen)];
  };
  return (
    <section className="chaos" aria-label="Chaos" onKeyDown={fold}>
      {people.map((person) => {
        const client = clients.get(person.key);
        return (
          client && (
            <RealtimeProvider key={person.key} client={client}>
              <Watch person={person} demo={demo} counts={counts} told={teller(person.key)} />
            </RealtimeProvider>
          )
        );
      })}
      <div className="chaos-top">
        <button ref={toggle} type="button" className="text-button chaos-toggle" aria-expanded={isOpen} aria-controls="chaos-body" onClick={() => setOpen(!isOpen)}>
          <Icon name={isOpen ? 'chevron_down' : 'chevron_right'} />
          Chaos
        </button>
        <Summary people={people} seen={seen} />
        {isOpen && (
          <button type="button" className="button quiet small" onClick={() => order({ do: 'heal' }, 'All faults removed.')}>
            Remove all faults
          </button>
        )}
      </div>
      <div id="chaos-body" className="chaos-body" hidden={!isOpen} ref={body}>
        <div className="chaos-faults">
          <PaneFaults people={people} ways={counts?.ways ?? {}} order={order} />
          <AllFaults people={people} bursts={counts?.bursts ?? []} order={order} />
          <ul className="chaos-notes" aria-label="Token events">
            {people.filter(({ key }) => notes[key]).map(({ key }) => (
              <li key={key} data-trace={key}>
                {notes[key]}
              </li>
            ))}
          </ul>
          <p role="alert" className="chaos-problem">
            {problem}
          </p>
        </div>
        <Figures people={people} seen={seen} states={stateOf} />
      </div>
    </section>
  );
}
