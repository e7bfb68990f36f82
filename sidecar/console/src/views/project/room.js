// What there is room for in a pane of the project view: the canvas alone, one panel beside it, or both. Where there is
// room for less than is wanted, what was asked for last is there.

const ONE = 608; // px of width below which there is one thing at a time
const THREE = 992; // and from which there is room for all
const BOTH_AT_FIRST = 1100;

export const roomOf = (width) => (width < ONE ? 'one' : width < THREE ? 'two' : 'three');

/** wanted: names of panels, the latest last. */
export function shownIn(room, wanted) {
  const there = room === 'three' ? wanted : wanted.slice(-1);
  return { list: there.includes('list'), talk: there.includes('talk') };
}

export const wantedAtFirst = (width) => (width >= BOTH_AT_FIRST ? ['list', 'talk'] : []);

/** wanted after its button was pressed: what is shown goes, what is not comes. */
export function toggled(room, wanted, name) {
  const rest = wanted.filter((other) => other !== name);
  return shownIn(room, wanted)[name] ? rest : [...rest, name];
}
