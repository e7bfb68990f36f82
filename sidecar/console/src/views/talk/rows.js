// A thread as it is drawn: a line for each day, one where the unread begins, and messages, of which those that one
// person wrote in one go stand together under one name.
const GO_MS = 5 * 60 * 1000;

export const timeOf = ({ created_at: at }) => (typeof at === 'number' ? at : Date.parse(at));

/**
 * @param messages oldest first
 * @param unreadFrom id of the first unread one, or null
 * @returns {Array<{kind: 'day' | 'unread' | 'message', key: string}>}
 */
export function rowsOf(messages, unreadFrom = null) {
  const rows = [];
  let before = null;
  for (const message of messages) {
    const at = timeOf(message);
    const isNewDay = !before || new Date(timeOf(before)).toDateString() !== new Date(at).toDateString();
    if (isNewDay) rows.push({ kind: 'day', key: `day ${new Date(at).toDateString()}`, at });
    const isFirstUnread = message.id === unreadFrom;
    if (isFirstUnread) rows.push({ kind: 'unread', key: 'unread' });
    const goesOn =
      !isNewDay &&
      !isFirstUnread &&
      before.author_id === message.author_id &&
      before.type === message.type &&
      at - timeOf(before) < GO_MS;
    rows.push({ kind: 'message', key: message.key ?? message.id, message, isFirst: !goesOn });
    before = message;
  }
  return rows;
}

/** The first of the last `count` messages of others: where the reader stopped. */
export function firstUnread(messages, me, count) {
  let left = count;
  let found = null;
  for (let i = messages.length - 1; i >= 0 && left > 0; i--) {
    if (messages[i].author_id === me || messages[i].deleted_at) continue;
    found = messages[i].id;
    left--;
  }
  return found;
}

/** How many messages of others came behind the one with this id. */
export function newSince(messages, lastId, me) {
  const last = messages.findLastIndex(({ id }) => id === lastId);
  return messages.slice(last + 1).filter(({ author_id: author }) => author !== me).length;
}
