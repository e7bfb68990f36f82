// The page: one to three people side by side. Who they are is kept in the address, so that a reload or a link
// shows the same.
import { useEffect, useState } from 'react';

import { ChaosBar } from './chaos/chaos_bar.jsx';
import { Door } from './door.jsx';
import { Pane } from './pane.jsx';
import { Announcer } from './parts/announce.jsx';
import { ThemeSwitch } from './parts/theme.jsx';

const PANES_MAX = 3;

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  return { people: (given.get('people') ?? '').split(',').filter(Boolean), view: given.get('view') ?? 'project' };
}

function useAddress() {
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const follow = () => setAddress(read());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const go = (change) => {
    const { people, view } = { ...read(), ...change };
    location.hash = new URLSearchParams({ people: people.join(','), view });
  };
  return [address, go];
}

function Top({ demo, shown, setShown }) {
  const free = demo.people.find((person) => !shown.includes(person));
  const add = () => setShown([...shown, free]);
  return (
    <nav className="bar-people" aria-label="People shown">
      {shown.length < PANES_MAX && free && (
        <button type="button" className="button quiet" onClick={add}>
          Add a person beside
        </button>
      )}
    </nav>
  );
}

export function Console({ demo }) {
  const [address, go] = useAddress();
  const [visitor, setVisitor] = useState(null);
  const named = demo?.people.filter(({ key }) => address.people.includes(key)) ?? [];
  const shown = demo ? (named.length > 0 ? named.slice(0, PANES_MAX) : demo.people.slice(0, 2)) : [visitor].filter(Boolean);
  const setShown = (people) => go({ people: people.map(({ key }) => key) });
  return (
    <Announcer>
      <header className="bar">
        <h1 className="bar-name">wrk_copilot</h1>
        {demo && <Top demo={demo} shown={shown} setShown={setShown} />}
        <ThemeSwitch />
      </header>
      <main className="panes">
        {shown.map((person) => (
          <Pane
            key={person.key}
            demo={demo}
            person={person}
            view={address.view}
            setView={(view) => go({ view })}
            others={demo?.people.filter((other) => !shown.includes(other)) ?? []}
            become={(other) => setShown(shown.map((p) => (p === person ? other : p)))}
            close={shown.length > 1 ? () => setShown(shown.filter((p) => p !== person)) : null}
          />
        ))}
        {!demo && !visitor && <Door enter={setVisitor} />}
      </main>
      {demo && <ChaosBar demo={demo} people={shown} />}
    </Announcer>
  );
}
