// What to try first in the demo, in one sentence: of the people shown who work on the same blueprint. Once dismissed it
// stays away for as long as the tab is open.
import { useState } from 'react';

import { IconButton } from './parts/icon_button.jsx';

const KEY = 'first_minute';

// a browser may keep nothing, and says so by an exception
function isPast() {
  try {
    return sessionStorage.getItem(KEY) === 'past';
  } catch {
    return false;
  }
}

function keepPast() {
  try {
    sessionStorage.setItem(KEY, 'past');
  } catch {
    // then it is back after a reload
  }
}

const listed = new Intl.ListFormat('en', { type: 'conjunction' });

/** The sentence for these people; null where no two of them share a blueprint. */
export function sentenceFor(people) {
  const together = people.filter(({ versionId }) => people.filter((other) => other.versionId === versionId).length > 1);
  const same = together.filter(({ versionId }) => versionId && versionId === together[0].versionId);
  if (same.length < 2) return null;
  const names = listed.format(same.map(({ name }) => name.split(' ')[0]));
  return `${names} work on the same blueprint, live. Move a node on one side and watch the other; then open Chaos and start a burst.`;
}

export function FirstMinute({ people }) {
  const [isGone, setGone] = useState(isPast);
  const sentence = sentenceFor(people);
  if (isGone || !sentence) return null;
  const dismiss = () => {
    keepPast();
    setGone(true);
  };
  return (
    <div className="bar-first" role="note">
      <p title={sentence}>{sentence}</p>
      <IconButton icon="close" label="Dismiss the hint" onClick={dismiss} />
    </div>
  );
}
