// Where somebody was led who opens another blueprint for it: the panel is built anew with that, and goes on from here.
import { useEffect, useState } from 'react';

const arrivals = new Map(); // key of a person -> { version, tab, target }

export const leaveFor = (person, arrival) => arrivals.set(person, arrival);

/** What was left for this version, or null; once. */
export function useArrival(person, version) {
  const [arrival] = useState(() => {
    const left = arrivals.get(person);
    return left?.version === version ? left : null;
  });
  useEffect(() => void arrivals.delete(person), [person]);
  return arrival;
}
