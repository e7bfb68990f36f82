import { createContext, createElement, useContext } from 'react';

const Client = createContext(null);

/** Gives the client to the hooks below it. It is whoever made the client who closes it. */
export function RealtimeProvider({ client, children }) {
  return createElement(Client.Provider, { value: client }, children);
}

/** See react.d.ts. */
export function useRealtime() {
  const client = useContext(Client);
  if (!client) throw new Error('this hook needs a <RealtimeProvider client={...}> around it');
  return client;
}
