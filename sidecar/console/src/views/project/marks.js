// What is said of nodes besides what they are: who is at them, whether a conflict waits, what has just come.

/** Map of id to { people?, conflicts?, flash?, turn? }; what says the same as before is the same object as before. */
export function marksOf({ others = [], questions = [], flashes = new Map() }, before = new Map()) {
  const marks = new Map();
  const of = (id) => marks.get(id) ?? marks.set(id, {}).get(id);
  for (const { id, name, meta } of others) {
    if (!meta?.node) continue;
    const mark = of(String(meta.node));
    mark.people = [...(mark.people ?? []), { id, name: name ?? 'Someone', field: meta.field ?? null }];
  }
  for (const { node, conflicts } of questions) {
    if (node !== null) of(node).conflicts = (of(node).conflicts ?? 0) + conflicts.length;
  }
  for (const [id, flash] of flashes) Object.assign(of(id), flash);
  return kept(before, marks);
}

/** The second map, with what is in the first already. */
export function kept(before, now) {
  let isSame = before.size === now.size;
  for (const [id, mark] of now) {
    const old = before.get(id);
    if (old && JSON.stringify(old) === JSON.stringify(mark)) now.set(id, old);
    else isSame = false;
  }
  return isSame ? before : now;
}
