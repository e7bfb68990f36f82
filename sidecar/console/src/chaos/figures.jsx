// What came of it: a line a pane, with what was expected and seen, and the document's hash.
import { useWay } from './ways.js';

const number = new Intl.NumberFormat('en');

const NOTHING = { expected: 0, seen: 0, missing: 0, twice: 0, isMissed: false };

// Do all panes that show the same document have the same one? null while that is not known.
export function agreement(people, seen) {
  const known = people.filter(({ key }) => seen[key]?.hash);
  const byVersion = Map.groupBy ? Map.groupBy(known, ({ versionId }) => versionId) : groups(known);
  const shared = [...byVersion.values()].filter((panes) => panes.length > 1);
  if (shared.length === 0) return null;
  return shared.every((panes) => new Set(panes.map(({ key }) => seen[key].hash)).size === 1);
}

function groups(people) {
  const made = new Map();
  for (const person of people) made.set(person.versionId, [...(made.get(person.versionId) ?? []), person]);
  return made;
}

export function Figures({ people, seen, states }) {
  return (
    <table className="chaos-figures">
      <caption className="unseen">Events and blueprint of each person</caption>
      <thead>
        <tr>
          <th scope="col">Person</th>
          <th scope="col" className="chaos-wide">
            Connection
          </th>
          <th scope="col" className="chaos-number">
            Expected
          </th>
          <th scope="col" className="chaos-number">
            Seen
          </th>
          <th scope="col" className="chaos-number">
            Missed
          </th>
          <th scope="col" className="chaos-number">
            Duplicates
          </th>
          <th scope="col">Blueprint</th>
        </tr>
      </thead>
      <tbody>
        {people.map((person) => (
          <Line key={person.key} person={person} seen={seen[person.key] ?? {}} state={states(person)} />
        ))}
      </tbody>
    </table>
  );
}

function Line({ person, seen, state }) {
  const isCut = useWay(person.key).offline;
  const { expected, seen: heard, missing, twice, isMissed } = seen.figures ?? NOTHING;
  const verdict = isMissed ? 'bad' : missing > 0 ? 'waiting' : 'good';
  return (
    <tr data-tally={person.key} data-expected={expected} data-seen={heard} data-missed={missing} data-twice={twice} data-hash={seen.hash}>
      <th scope="row">{person.name}</th>
      <td className="chaos-wide">{isCut && seen.state !== 'connected' ? `cut off, ${seen.state}` : (seen.state ?? 'none')}</td>
      <td className="chaos-number">{number.format(expected)}</td>
      <td className="chaos-number">{number.format(heard)}</td>
      <td className="chaos-number" data-verdict={verdict}>
        {number.format(missing)}
        {verdict === 'waiting' && <span className="chaos-note"> pending</span>}
      </td>
      <td className="chaos-number" data-verdict={twice > 0 ? 'bad' : 'good'}>
        {number.format(twice)}
      </td>
      <td>
        {seen.hash ? (
          <>
            <span className="chaos-wide">
              <span className="chaos-note">version {seen.version} </span>
              <code>{seen.hash.slice(0, 12)}</code>{' '}
            </span>
            <span className="chaos-state" data-state={seen.isPending ? 'waiting' : state}>
              {seen.isPending ? 'not saved yet' : { equal: 'equal', different: 'different', alone: '' }[state]}
            </span>
          </>
        ) : (
          <span className="chaos-note">not loaded yet</span>
        )}
      </td>
    </tr>
  );
}
