// One person: a client of their own, and the views on what they may see.
import { Suspense, useEffect, useState } from 'react';

import { createRealtimeClient } from '@wrk-copilot/realtime';
import { RealtimeProvider } from '@wrk-copilot/realtime/react';

import { useWay } from './chaos/ways.js';
import { showClient } from './clients.js';
import { ConnectionLight } from './parts/connection_light.jsx';
import { PersonChooser } from './parts/person_chooser.jsx';
import { Tabs } from './parts/tabs.jsx';
import { views } from './views.js';
import { recorderOf } from './views/inspector/recorder.js';

const here = new URL('.', document.baseURI).href;

// A client for as long as the pane shows this person.
function useClientOf(demo, person) {
  const [client, setClient] = useState(null);
  useEffect(() => {
    const made = createRealtimeClient({
      url: demo?.addressFor(person.key) ?? here,
      getToken: () => demo?.token(person) ?? person.token,
    });
    recorderOf(made);
    setClient(made);
    const hide = showClient(person.key, made);
    return () => {
      hide();
      made.close();
    };
  }, [demo, person]);
  return client;
}

export function Pane({ demo, person, isHidden, view, setView, others, become, close }) {
  const client = useClientOf(demo, person);
  const { offline } = useWay(person.key);
  const { component: View } = views.find(({ key }) => key === view) ?? views[0];
  if (!client) return null;
  return (
    <RealtimeProvider client={client}>
      <section className="pane" aria-label={person.name} data-person={person.key} hidden={isHidden}>
        <header className="pane-top">
          <PersonChooser person={person} others={others} become={become} close={close} />
          <Tabs label={`Views of ${person.name}`} tabs={views} chosen={view} choose={setView} />
          <ConnectionLight isCut={offline} />
        </header>
        <div className="pane-body">
          <Suspense fallback={<p className="waiting">Loading …</p>}>
            <View person={person} demo={demo} />
          </Suspense>
        </div>
      </section>
    </RealtimeProvider>
  );
}
