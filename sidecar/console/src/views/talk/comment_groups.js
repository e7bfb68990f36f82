// Comments on a blueprint, by the node that they are on. What is said of the version as a whole has no node.

/**
 * [{ node: id | null, title, isGone, comments }], the group with the latest comment first; the whole comes last.
 *
 * @param titles Map of node id -> label, of the nodes that there are
 */
export function groupComments(messages, titles) {
  const groups = new Map();
  for (const message of messages) {
    const { anchor } = message;
    const node = anchor?.node ?? null;
    const key = node ?? (anchor ? 'other' : '');
    if (!groups.has(key)) groups.set(key, { node, title: titleOf(anchor, titles), isGone: node !== null && !titles.has(node), comments: [] });
    groups.get(key).comments.push(message);
  }
  const latest = ({ comments }) => comments.at(-1).created_at;
  return [...groups.values()].sort((a, b) => (a.node === null) - (b.node === null) || (latest(a) < latest(b) ? 1 : -1));
}

function titleOf(anchor, titles) {
  if (!anchor) return 'Whole blueprint';
  if (!anchor.node) return 'Connections and sections';
  return titles.get(anchor.node) ?? 'Deleted node';
}
