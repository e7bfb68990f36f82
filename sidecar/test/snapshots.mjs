// Positions as the server means them: "<epoch>.<xmin>:<xmax>:<xip,...>" is the set of transactions
// that a snapshot sees.
//
// What must stay true: snapshots of one server are ordered by what they see, so of two the later one
// sees everything the earlier one sees.

const known = new Map();

// { xmin, xmax, xip } of a position
export function snapshotOf(position) {
  let snapshot = known.get(position);
  if (!snapshot) {
    const [xmin, xmax, list] = position.split('.')[1].split(':');
    const xip = new Set(list ? list.split(',').map(Number) : []);
    snapshot = { xmin: Number(xmin), xmax: Number(xmax), xip };
    known.set(position, snapshot);
  }
  return snapshot;
}

// Is what transaction xid wrote, if it committed, seen by the snapshot?
export const sees = ({ xmin, xmax, xip }, xid) => xid < xmin || (xid < xmax && !xip.has(xid));

// Sorts positions from early to late: at the same xmax fewer run at the later one.
export function comparePositions(a, b) {
  const [one, other] = [snapshotOf(a), snapshotOf(b)];
  return one.xmax - other.xmax || other.xip.size - one.xip.size;
}

export const earliest = (positions) => [...positions].sort(comparePositions)[0];
