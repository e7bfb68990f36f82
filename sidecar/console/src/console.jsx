// The page: one to three people side by side. Who they are is kept in the address, so that a reload or a link
// shows the same. In a window with no room for all, one is in front; the others stay connected.
import { useEffect, useState } from 'react';

import { ChaosBar } from './chaos/chaos_bar.jsx';
import { Door } from './door.jsx';
import { FirstMinute } from './first_minute.jsx';
import { Pane } from './pane.jsx';
import { Announcer } from './parts/announce.jsx';
import { BarButton } from './parts/bar_button.jsx';
import { PeopleSwitch } from './parts/people_switch.jsx';
import { ThemeSwitch } from './parts/theme.jsx';
import { Tips } from './parts/tips.jsx';
import { useMedia } from './parts/use_media.js';

const PANES_MAX = 3;
const PANE_LEAST = 26; // rem of width

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

function Top({ demo, shown, setShown, front, show }) {
  const free = demo.people.find((person) => !shown.includes(person));
  const add = () => {
    setShown([...shown, free]);
    show(free.key);
  };
  return (
    <nav className="bar-people" aria-label="People shown" data-fold={front ? 'all' : undefined}>
      {front && <PeopleSwitch people={shown} front={front.key} show={show} />}
      {shown.length < PANES_MAX && free && <BarButton icon="add" label="Add person" onClick={add} />}
    </nav>
  );
}

export function Console({ demo }) {
  const [address, go] = useAddress();
  const [visitor, setVisitor] = useState(null);
  const named = demo?.people.filter(({ key }) => address.people.includes(key)) ?? [];
  const shown = demo ? (named.length > 0 ? named.slice(0, PANES_MAX) : demo.people.slice(0, 2)) : [visitor].filter(Boolean);
  const [asked, show] = useState(null); // who is to be in front
  const isTight = useMedia(`(width < ${shown.length * PANE_LEAST}rem)`) && shown.length > 1;
  const front = isTight ? (shown.find(({ key }) => key === asked) ?? shown[0]) : null;
  const setShown = (people) => go({ people: people.map(({ key }) => key) });
  return (
    <Announcer>
      <header className="bar">
        <h1 className="bar-name">wrk_copilot</h1>
        {demo && <Top {...{ demo, shown, setShown, front, show }} />}
        {demo && !front && address.view === 'project' && <FirstMinute people={shown} />}
        <ThemeSwitch />
      </header>
      <main className="panes">
        {shown.map((person) => (
          <Pane
            key={person.key}
            demo={demo}
            person={person}
            isHidden={front !== null && front !== person}
            view={address.view}
            setView={(view) => go({ view })}
            others={demo?.people.filter((other) => !shown.includes(other)) ?? []}
            become={(other) => {
              setShown(shown.map((p) => (p === person ? other : p)));
              show(other.key);
            }}
            close={shown.length > 1 ? () => setShown(shown.filter((p) => p !== person)) : null}
          />
        ))}
        {!demo && !visitor && <Door enter={setVisitor} />}
      </main>
      {demo && <ChaosBar demo={demo} people={shown} />}
      <Tips />
    </Announcer>
  );
}
