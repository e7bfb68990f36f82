// What `make demo` adds to the page: people to be, tokens for them, and faults to order. Elsewhere there is none
// of it, and openDemo() gives null.

async function ask(path, body) {
  const options = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

class Demo {
  constructor(people) {
    this.people = people; // { key, name, role, tenant: { id, name }, projectId, versionId, automationId }
  }

  token(person, seconds) {
    return ask('demo/token', { person: person.key, seconds }).then(({ token }) => token);
  }

  // what: { do, pane?, ... }, see tools/demo_server.mjs
  chaos(what) {
    return ask('demo/chaos', what);
  }

  // { bursts: [{ n, project, total, written, failed }], ways: { pane: what is wrong with it } }
  counts() {
    return ask('demo/counts');
  }

  // the tasks that a burst makes, in their order
  idsOf(burst) {
    return ask(`demo/counts?burst=${burst}`).then(({ ids }) => ids);
  }

  // the gateway, by a way on which faults can be made for one pane
  addressFor(pane) {
    return new URL(`via/${pane}`, document.baseURI).href;
  }
}

export async function openDemo() {
  try {
    const response = await fetch('demo/people');
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return response.ok && isJson ? new Demo(await response.json()) : null;
  } catch {
    return null;
  }
}
