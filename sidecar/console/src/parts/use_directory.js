// The people of the tenant, one directory for each client.
import { useSyncExternalStore } from 'react';

import { useRealtime } from '@wrk-copilot/realtime/react';

import { Directory } from './directory.js';

const directories = new WeakMap(); // client -> Directory

export function useDirectory() {
  const client = useRealtime();
  if (!directories.has(client)) directories.set(client, new Directory((...all) => client.call(...all).then(({ payload }) => payload)));
  const directory = directories.get(client);
  return useSyncExternalStore(directory.subscribe, directory.get);
}
